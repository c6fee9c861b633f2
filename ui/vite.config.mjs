import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

/** What is built in, whose licences go with it. */
const BUILT_IN = ["preact", "@preact/signals", "@preact/signals-core", "@dagrejs/dagre", "@dagrejs/graphlib"];

function licences() {
  const texts = BUILT_IN.map((name) => {
    const file = new URL(`node_modules/${name}/LICENSE`, import.meta.url);
    if (!existsSync(file)) throw new Error(`${name} has no LICENSE any more`);
    return `${name}\n\n${readFileSync(file, "utf8").trim()}\n`;
  });
  return {
    name: "licences",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
    },
  };
}

// The page may be mounted anywhere, so every address in it is relative; it goes into the Python package.
export default defineConfig({
  base: "./",
  plugins: [licences()],
  build: {
    outDir: "../src/cnstra/devtools/static",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  worker: { format: "es" },
});
