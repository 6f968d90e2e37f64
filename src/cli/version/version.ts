/** `runnel version`: one line, with what it runs on; and one more where that cannot do all that Runnel does. */
import { systemClock } from "../../clock.ts";
import { newAuthority, newServerCertificate } from "../../security/issue_certificate.ts";
import { canAskForCertificates } from "../../server/transport/tls_trial.ts";
import { VERSION } from "../../version.ts";
import type { Run } from "../command.ts";

export const printVersion: Run = async () => {
  console.log(
    `runnel ${VERSION} (deno ${Deno.version.deno}, v8 ${Deno.version.v8}, ${Deno.build.target})`,
  );
  const validity = { nowMs: systemClock.nowMs(), days: 1 };
  const authority = await newAuthority("CN=trial", validity);
  const material = await newServerCertificate(authority, { hosts: ["localhost"], validity });
  if (!await canAskForCertificates({ ...material, clientCa: "" })) {
    console.log(
      "This runtime cannot ask clients for certificates: TLS works, listeners with client_auth are refused.",
    );
  }
  return 0;
};
