/**
 * `runnel doctor`: looks at a cluster, its clients and this machine, and says what keeps them from getting on, each with
 * what mends it. Every check is bounded in time, and one that fails is a finding itself.
 */
import { ConnectionError, KafkaError } from "../../client/errors.ts";
import { denoSurroundings, loadConfig } from "../../config/load.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Run } from "../command.ts";
import { Output } from "../output.ts";
import { reachedBy } from "../reach.ts";
import { ADVERTISED, lookAtAdvertised } from "./advertised.ts";
import { CHECKS } from "./checks.ts";
import { type Check, type Finding, type Found, hasWeight, Unseen, within } from "./finding.ts";
import { brokerHttp, ofCluster } from "./http_place.ts";
import { REACH, reach } from "./reach.ts";
import { print } from "./report.ts";
import { Scene } from "./scene.ts";

const WAIT_MS = 6000;
/** What a check may take beside the wait between two looks. */
const CHECK_MS = 4000;

export const runDoctor: Run = async (call) => {
  const { config, warnings } = await loadConfig(denoSurroundings(call.options));
  const { bootstrap, security } = reachedBy(call, config);
  const waitMs = call.secondsMs("--wait", 3600) ?? WAIT_MS;
  if (waitMs < 1000 || waitMs > 3_600_000) {
    throw call.misused(`--wait ${call.text("--wait")}: needs 1s to 60m`);
  }
  const out = new Output({ isJson: call.has("--json") });
  // On the other stream, so that what is printed can be processed.
  console.error(
    `Looking twice, ${waitMs / 1000} s apart (--wait), to tell what moves from what stands…`,
  );
  const [http, { found, reached }] = await Promise.all([
    brokerHttp(call, { config, security, bootstrap }), // begun first: it tells what was refused before this
    reach(bootstrap, security),
  ]);
  try {
    const findings = named(REACH, found);
    if (reached !== null) {
      findings.push(...named(ADVERTISED, await lookAtAdvertised({ ...reached, security })));
    }
    const scene = new Scene({
      config,
      warnings,
      bootstrap,
      security,
      reached,
      http: ofCluster(http, reached?.survey.clusterId ?? null),
      unit: call.text("--unit") ?? "runnel.service",
      waitMs,
      connection: ["--bootstrap", "--client-config", "--profile"].flatMap((flag) => {
        const value = call.text(flag);
        return value === null ? [] : [flag, value];
      }),
    });
    const isLost = findings.some(hasWeight);
    const all = await Promise.all(CHECKS.map((check) => outcome(check, scene, { isLost })));
    findings.push(...all.flat());
    print(out, findings, { bootstrap, checks: CHECKS.length + 2 });
    return findings.some(hasWeight) ? 1 : 0;
  } finally {
    reached?.cluster.close();
  }
};

/** What a check found, or that it could not look. `isLost`: it was told already that brokers are not reached. */
async function outcome(
  check: Check,
  scene: Scene,
  { isLost }: { readonly isLost: boolean },
): Promise<Finding[]> {
  try {
    const limitMs = scene.parts.waitMs + CHECK_MS;
    return named(check.name, await within(check.look(scene), limitMs, check.name));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof Unseen) return named(check.name, [{ severity: "unseen", what: why }]);
    const isKnown = error instanceof KafkaError && DENIALS.has(error.code) ||
      isLost && error instanceof ConnectionError;
    return named(check.name, [{
      severity: isKnown ? "unseen" : "warning",
      what: isKnown ? why : `Could not look at ${check.name}`,
      ...isKnown ? {} : { evidence: why },
    }]);
  }
}

const DENIALS: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_VERSION,
]);

function named(check: string, found: readonly Found[]): Finding[] {
  return found.map(({ severity, what, evidence = null, command = null }) => ({
    check,
    severity,
    what,
    evidence,
    command,
  }));
}
