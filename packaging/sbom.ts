/**
 * What is in the executable that others made, as a bill of materials (CycloneDX 1.6, JSON) on standard output:
 *
 *     (deno info --json main.ts; deno info --json src/console/web/main.tsx) |
 *       deno run --allow-read packaging/sbom.ts > dist/runnel.cdx.json
 *
 * Packages are those that the program and the console's front end reach, with the hashes of deno.lock; what tests alone
 * use is not in it.
 */
import manifest from "../deno.json" with { type: "json" };

interface Info {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, NpmPackage>>;
}

interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
}

/** Its integrity by a package's id ("commander@15.1.0"; "a@1.0.0_b@2.0.0" where it goes by another one). */
type Integrity = (id: string) => string | undefined;

if (import.meta.main) {
  const lock = JSON.parse(Deno.readTextFileSync(new URL("../deno.lock", import.meta.url))).npm;
  const info = infoOf(await new Response(Deno.stdin.readable).text());
  console.log(JSON.stringify(billOf(info, (id) => lock[id]?.integrity), null, 2));
}

/** What `deno info --json` said, once or several times after each other. */
export function infoOf(text: string): Info {
  const all = text.split(/(?<=^\})\s*(?=^\{)/m).map((part) => JSON.parse(part) as Info);
  return {
    modules: all.flatMap(({ modules }) => modules),
    npmPackages: Object.assign({}, ...all.map(({ npmPackages }) => npmPackages)),
  };
}

/** Throws where a package has no hash: it is not the one that the lock file means. */
export function billOf(info: Info, integrityOf: Integrity): unknown {
  const runtime = {
    type: "platform",
    name: "deno",
    version: Deno.version.deno,
    purl: `pkg:github/denoland/deno@v${Deno.version.deno}`,
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        name: manifest.name,
        version: manifest.version,
        licenses: [{ license: { id: manifest.license } }],
      },
    },
    components: [
      runtime,
      ...packagesOf(info).map((id) => component(info.npmPackages[id], integrityOf(id))),
    ],
  };
}

/** What is imported, and what that needs. */
function packagesOf({ modules, npmPackages }: Info): string[] {
  const found = new Set<string>();
  const look = (id: string) => {
    if (found.has(id)) return;
    found.add(id);
    npmPackages[id].dependencies.forEach(look);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) look(npmPackage);
  return [...found].sort();
}

function component({ name, version }: NpmPackage, integrity: string | undefined): unknown {
  if (!integrity?.startsWith("sha512-")) {
    throw new Error(`${name}@${version}: deno.lock has no hash of it`);
  }
  const content = Uint8Array.from(atob(integrity.slice(7)), (character) => character.charCodeAt(0));
  return {
    type: "library",
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    hashes: [{ alg: "SHA-512", content: hex(content) }],
  };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
