/**
 * Assets: the page of the console and what it is made of (web/), out of the executable. Every view is the same page, and
 * finds what it names by its base, which is the console's base path.
 */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { WEB_ASSETS } from "./web_assets.ts";
import { routeOf } from "./web/routes.ts";

interface Asset {
  readonly type: string;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly plain: Uint8Array<ArrayBuffer>;
}

/** Its path in the page, and what stands there instead of it. */
const BASE = '<base href="/">';

/**
 * What there is at a path below the base path ("" or "/runnel"); null: nothing. `acceptEncoding` is the request's header:
 * who takes gzip gets it.
 */
export function assetsBelow(
  basePath: string,
): (path: string, acceptEncoding?: string | null) => Response | null {
  const made = new Map<string, Asset>();
  return (path, acceptEncoding = null) => {
    const name = path.startsWith("/assets/") ? path.slice(1) : isPlace(path) ? "" : null;
    if (name === null || !Object.hasOwn(WEB_ASSETS, name)) return null;
    let asset = made.get(name);
    if (asset === undefined) made.set(name, asset = name === "" ? pageOf(basePath) : fileOf(name));
    return responseOf(asset, { isPage: name === "", packs: takesGzip(acceptEncoding) });
  };
}

function responseOf(
  { type, gzip, plain }: Asset,
  { isPage, packs }: { readonly isPage: boolean; readonly packs: boolean },
): Response {
  return new Response(packs ? gzip : plain, {
    headers: {
      "content-type": type,
      // The names of all others hold what is in them.
      "cache-control": isPage ? "no-cache" : "public, max-age=31536000, immutable",
      vary: "accept-encoding",
      ...packs ? { "content-encoding": "gzip" } : {},
    },
  });
}

function fileOf(name: string): Asset {
  const { type, gzip } = WEB_ASSETS[name], packed = new Uint8Array(Buffer.from(gzip, "base64"));
  return { type, gzip: packed, plain: new Uint8Array(gunzipSync(packed)) };
}

/** With its base. */
function pageOf(basePath: string): Asset {
  const { type, plain } = fileOf("");
  const base = `<base href="${escaped(basePath)}/">`;
  const page = new TextEncoder().encode(new TextDecoder().decode(plain).replace(BASE, () => base));
  return { type, gzip: new Uint8Array(gzipSync(page)), plain: page };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}

/** Whether one of the console's views is there; the front end knows them. */
function isPlace(path: string): boolean {
  return routeOf("", path, "?id=").place.view !== "nowhere";
}

/** "gzip, br" does, "identity", "*;q=0" and "gzip;q=0" do not. */
function takesGzip(acceptEncoding: string | null): boolean {
  return (acceptEncoding ?? "").split(",").some((one) => {
    const [name, ...parameters] = one.toLowerCase().split(";").map((part) => part.trim());
    return name === "gzip" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
