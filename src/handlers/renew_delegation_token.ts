/**
 * RenewDelegationToken 1–2: a token is good for longer: from now on for as long as asked, at most
 * delegation_token.expiry_time_ms, which 0 and less stand for, and never past its end. That may be shorter than it was.
 *
 * For its owner and its renewers, who show its HMAC. Refused: over a connection that proves nobody, or by a token (64);
 * without a secret key (61); an HMAC that is no token's (62), an expired one (66), anybody else (63).
 */
import { RenewDelegationToken } from "../protocol/messages/renew_delegation_token.ts";
import { planRenewToken } from "../topics/plan_delegation_tokens.ts";
import { changeToken, type TokenServices } from "./delegation_tokens.ts";
import { type Handler, handler } from "./handler.ts";

export function renewDelegationToken(services: TokenServices): Handler {
  const { expiryTimeMs } = services.settings;
  return handler(
    RenewDelegationToken,
    { min: 1, max: 2 },
    ({ hmac, renewPeriodMs }, { connection }) => {
      const lifetimeMs = renewPeriodMs > 0 ? Math.min(renewPeriodMs, expiryTimeMs) : expiryTimeMs;
      return changeToken(
        services,
        { connection, hmac },
        (token, asker) => planRenewToken(token, asker, lifetimeMs),
      );
    },
  );
}
