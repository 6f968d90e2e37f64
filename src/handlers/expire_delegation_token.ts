/**
 * ExpireDelegationToken 1–2: a token is good until so many milliseconds from now, at most to its end; less than 0 removes
 * it at once. Sessions that it opened end then too, within seconds; in Kafka they last as long as the token was good when
 * they began.
 *
 * For its owner and its renewers; refused as RenewDelegationToken refuses, but that one that has expired can be removed.
 */
import { ExpireDelegationToken } from "../protocol/messages/expire_delegation_token.ts";
import { planExpireToken } from "../topics/plan_delegation_tokens.ts";
import { changeToken, type TokenServices } from "./delegation_tokens.ts";
import { type Handler, handler } from "./handler.ts";

export function expireDelegationToken(services: TokenServices): Handler {
  return handler(
    ExpireDelegationToken,
    { min: 1, max: 2 },
    ({ hmac, expiryTimePeriodMs }, { connection }) =>
      changeToken(
        services,
        { connection, hmac },
        (token, asker) => planExpireToken(token, asker, expiryTimePeriodMs),
      ),
  );
}
