/** What stands for an id or a name in the path of the API: itself if it is harmless, else `~` and base64url. */

const HARMLESS = /^[A-Za-z0-9_:@-][A-Za-z0-9_:@.-]*$/;

export function refOf(name: string): string {
  if (HARMLESS.test(name)) return name;
  const bytes = new TextEncoder().encode(name);
  const encoded = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `~${encoded.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}
