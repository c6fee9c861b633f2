import { defineConfig } from "vite";

// The page may be mounted anywhere, so every address in it is relative; it goes into the Python package.
export default defineConfig({
  base: "./",
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
