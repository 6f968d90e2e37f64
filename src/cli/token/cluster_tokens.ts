/** Delegation tokens of a running cluster, asked for and changed as Kafka's tools do (KIP-48, KIP-373). */
import { Buffer } from "node:buffer";
import type { Cluster } from "../../client/cluster.ts";
import { check } from "../../client/errors.ts";
import { CreateDelegationToken } from "../../protocol/messages/create_delegation_token.ts";
import { DescribeDelegationToken } from "../../protocol/messages/describe_delegation_token.ts";
import { ExpireDelegationToken } from "../../protocol/messages/expire_delegation_token.ts";
import { RenewDelegationToken } from "../../protocol/messages/renew_delegation_token.ts";
import { ConfigError } from "../../config/load.ts";

/** "User" and "alice". */
export interface Principal {
  readonly type: string;
  readonly name: string;
}

export interface Token {
  readonly tokenId: string;
  readonly owner: Principal;
  /** Null where the broker does not tell, before Kafka 3.3. */
  readonly requester: Principal | null;
  readonly renewers: readonly Principal[];
  /** ms since 1970. */
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly endsMs: number;
  /** The HMAC in base64. */
  readonly password: string;
  readonly hmac: Uint8Array;
}

export function principalText({ type, name }: Principal): string {
  return `${type}:${name}`;
}

export function clusterTokens(cluster: Cluster) {
  return {
    /** `owner` null: who asks; `lifetimeMs` null: as long as the cluster allows. */
    async create({ owner, renewers, lifetimeMs }: {
      readonly owner: Principal | null;
      readonly renewers: readonly Principal[];
      readonly lifetimeMs: number | null;
    }): Promise<Token> {
      const connection = await cluster.controllerConnection();
      const version = connection.versionFor(CreateDelegationToken);
      if (owner !== null && version < 3) {
        throw new ConfigError(
          "token: this broker makes tokens of who asks alone: leave out --owner",
        );
      }
      const answer = await connection.request(CreateDelegationToken, version, {
        ...(owner === null
          ? {}
          : { ownerPrincipalType: owner.type, ownerPrincipalName: owner.name }),
        renewers: renewers.map(asked),
        maxLifetimeMs: lifetimeMs ?? -1,
      });
      check(answer.errorCode, "the token");
      return {
        tokenId: answer.tokenId,
        owner: { type: answer.principalType, name: answer.principalName },
        requester: null,
        renewers,
        issuedMs: answer.issueTimestampMs,
        expiresMs: answer.expiryTimestampMs,
        endsMs: answer.maxTimestampMs,
        ...passwordOf(answer.hmac),
      };
    },
    /** Those that may be seen; of these owners where there are any. */
    async list(owners: readonly Principal[]): Promise<Token[]> {
      const connection = await cluster.controllerConnection();
      const version = connection.versionFor(DescribeDelegationToken);
      const answer = await connection.request(DescribeDelegationToken, version, {
        owners: owners.length === 0 ? null : owners.map(asked),
      });
      check(answer.errorCode, "tokens");
      return answer.tokens.map((token) => ({
        tokenId: token.tokenId,
        owner: { type: token.principalType, name: token.principalName },
        requester: version < 3
          ? null
          : { type: token.tokenRequesterPrincipalType, name: token.tokenRequesterPrincipalName },
        renewers: token.renewers.map(({ principalType, principalName }) => ({
          type: principalType,
          name: principalName,
        })),
        issuedMs: token.issueTimestamp,
        expiresMs: token.expiryTimestamp,
        endsMs: token.maxTimestamp,
        ...passwordOf(token.hmac),
      }));
    },
    /** Until when it is good then. */
    async renew({ hmac, tokenId }: Token, lifetimeMs: number | null): Promise<number> {
      const connection = await cluster.controllerConnection();
      const version = connection.versionFor(RenewDelegationToken);
      const request = { hmac, renewPeriodMs: lifetimeMs ?? -1 };
      const answer = await connection.request(RenewDelegationToken, version, request);
      check(answer.errorCode, `token ${tokenId}`);
      return answer.expiryTimestampMs;
    },
    /** The same; `lifetimeMs` null: at once. */
    async expire({ hmac, tokenId }: Token, lifetimeMs: number | null): Promise<number> {
      const connection = await cluster.controllerConnection();
      const version = connection.versionFor(ExpireDelegationToken);
      const request = { hmac, expiryTimePeriodMs: lifetimeMs ?? -1 };
      const answer = await connection.request(ExpireDelegationToken, version, request);
      check(answer.errorCode, `token ${tokenId}`);
      return answer.expiryTimestampMs;
    },
  };
}

function asked({ type, name }: Principal) {
  return { principalType: type, principalName: name };
}

/** A copy: an answer's bytes are read over by the next one. */
function passwordOf(hmac: Uint8Array): Pick<Token, "password" | "hmac"> {
  return { password: Buffer.from(hmac).toString("base64"), hmac: hmac.slice() };
}
