/**
 * Guards of delegation tokens: nothing is asked before the handlers. They ask themselves, behind what is refused however
 * much one may: a connection that proves nobody, or one that a token opened.
 */
import { CreateDelegationToken } from "../../protocol/messages/create_delegation_token.ts";
import { DescribeDelegationToken } from "../../protocol/messages/describe_delegation_token.ts";
import { ExpireDelegationToken } from "../../protocol/messages/expire_delegation_token.ts";
import { RenewDelegationToken } from "../../protocol/messages/renew_delegation_token.ts";
import { type Guard, guard } from "../guard.ts";
import { CREATE_TOKENS, DESCRIBE, DESCRIBE_TOKENS, onDelegationToken, onUser } from "./rights.ts";

export const tokenGuards: readonly Guard[] = [
  guard(CreateDelegationToken, [onUser(CREATE_TOKENS)]),
  guard(RenewDelegationToken, []),
  guard(ExpireDelegationToken, []),
  guard(DescribeDelegationToken, [onDelegationToken(DESCRIBE), onUser(DESCRIBE_TOKENS)]),
];
