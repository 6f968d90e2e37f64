/**
 * DescribeUserScramCredentials 0: which mechanisms users have credentials for, and with how many iterations; never what
 * verifies a password.
 *
 * users null or empty means all. An unknown user is 91, one named twice 92.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeUserScramCredentials } from "../protocol/messages/describe_user_scram_credentials.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { repeated } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

interface CredentialInfo {
  readonly mechanism: number;
  readonly iterations: number;
}

export function describeUserScramCredentials(
  { catalogue, answers }: { readonly catalogue: Catalogue; readonly answers: LongAnswers },
): Handler {
  return handler(DescribeUserScramCredentials, { min: 0, max: 0 }, ({ users }, { connection }) => {
    const known = new Map<string, CredentialInfo[]>();
    for (const { name, mechanism, iterations } of catalogue.kept("UserScramCredentialRecord")) {
      known.set(name, [...known.get(name) ?? [], { mechanism, iterations }]);
    }
    const isAll = users === null || users.length === 0;
    const names = isAll ? [...known.keys()] : users.map(({ name }) => name);
    const twice = repeated(names);
    return answers.of({
      items: [...new Set(names)],
      part: (user) => ({
        user,
        ...(twice.has(user) ? namedTwice(user) : described(user, known.get(user))),
      }),
      whole: (results) => ({ errorCode: ErrorCode.NONE, errorMessage: "", results }),
      connection,
    });
  });
}

function described(user: string, credentialInfos: CredentialInfo[] | undefined) {
  if (credentialInfos !== undefined) {
    return { errorCode: ErrorCode.NONE, errorMessage: "", credentialInfos };
  }
  return {
    errorCode: ErrorCode.RESOURCE_NOT_FOUND,
    errorMessage: `Attempt to describe a user credential that does not exist: ${user}`,
    credentialInfos: [],
  };
}

function namedTwice(user: string) {
  return {
    errorCode: ErrorCode.DUPLICATE_RESOURCE,
    errorMessage:
      `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`,
    credentialInfos: [],
  };
}
