/** Where the page is: what stands behind the `#` of its address, as a path and a query. */

export interface Address {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export type Query = Readonly<Record<string, string | number | readonly string[] | null | undefined>>;

export function parsed(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s, 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** The address of a path with a query; what is empty or missing is left out of it. */
export function href(path: readonly string[], query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") params.append(name, String(one));
    }
  }
  const text = params.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

/** The same place with some of its query changed. */
export function changed(address: Address, query: Query): string {
  const all: Record<string, readonly string[]> = {};
  for (const name of new Set(address.query.keys())) all[name] = address.query.getAll(name);
  return href(address.path, { ...all, ...query });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
