/**
 * What users may do is what Apache Kafka 4.4.0 lets them do, code by code: the answers that it gave to users with every
 * right, none, and each missing (tests/transcripts/acls/) are compared with this broker's. Meanwhile is noted what each API
 * asks: no more and no less than its guard declares.
 */
import { assertEquals } from "@std/assert";
import { Asker } from "../transcripts/acls/asker.ts";
import { playAll } from "../transcripts/acls/player.ts";
import answers from "../transcripts/acls/answers.json" with { type: "json" };
import { topicConfigDefaults } from "../../src/config/topic_configs.ts";
import type { Ask } from "../../src/handlers/guard.ts";
import { allGuards } from "../../src/handlers/guards/mod.ts";
import { decodeRequestHeader } from "../../src/protocol/frame.ts";
import { apiByKey } from "../../src/protocol/messages/mod.ts";
import { Access } from "../../src/security/acl/access.ts";
import { Operation, ResourceType } from "../../src/security/acl/acl.ts";
import type { Dispatch } from "../../src/server/connection.ts";
import { asUsers } from "../../src/testing/as_users.ts";
import { Catalogue } from "../../src/topics/catalogue.ts";
import { TestBroker } from "./harness.ts";

/** By API: the rights that were asked between its requests and the next. One is put at a time, so they are its own. */
class Asked {
  readonly #byApi = new Map<string, Set<string>>();
  #api = "";

  around = (dispatch: Dispatch): Dispatch => (frame, connection) => {
    this.#api = apiByKey(decodeRequestHeader(frame).apiKey)!.name;
    return dispatch(frame, connection);
  };

  /** Listens to every Access until it is disposed of. */
  listen(): Disposable {
    const { may, mayProduce } = Access.prototype, note = this.#note.bind(this);
    Access.prototype.may = function (operation, resourceType, name) {
      note(operation, resourceType);
      return may.call(this, operation, resourceType, name);
    };
    Access.prototype.mayProduce = function () {
      note(Operation.WRITE, ResourceType.TOPIC);
      return mayProduce.call(this);
    };
    return { [Symbol.dispose]: () => Object.assign(Access.prototype, { may, mayProduce }) };
  }

  #note(operation: number, resourceType: number): void {
    const asked = this.#byApi.get(this.#api) ?? new Set();
    this.#byApi.set(this.#api, asked.add(`${operation} on ${resourceType}`));
  }

  of(api: string): string[] {
    return [...this.#byApi.get(api) ?? []].sort();
  }
}

/**
 * What is not reached here. In src/handlers/guards/rights_test.ts: what no Kafka can be asked, since 4.4.0 serves no version
 * with transactions of two phases, and this broker no share groups. In tokens_as_kafka_test.ts: rights to tokens.
 */
const NOT_REACHED = [
  "InitProducerId: 15 on 5",
  "FindCoordinator: 9 on 4",
  "CreateDelegationToken: 13 on 7",
  "DescribeDelegationToken: 14 on 7",
  "DescribeDelegationToken: 8 on 6",
];

Deno.test("users are answered as Kafka answers them, with every right, none, and each missing", async () => {
  const asked = new Asked();
  await using broker = await TestBroker.start({
    autoCreateTopics: true,
    authorization: { mode: "on", superUsers: ["User:admin"] },
  }, { around: (dispatch) => asUsers(asked.around(dispatch)) });
  const address = `127.0.0.1:${broker.port}`;
  using _listening = asked.listen();
  const admin = await Asker.open(address, "admin");
  try {
    const ours = await playAll(admin, (user) => Asker.open(address, user));
    for (const [question, byUser] of Object.entries(answers)) {
      for (const [who, answer] of Object.entries(byUser)) {
        assertEquals(ours[question][who], answer, `${question}, ${who}`);
      }
    }
    assertEquals(Object.keys(ours).length, Object.keys(answers).length);
  } finally {
    admin.close();
  }
  const catalogue = new Catalogue({ nodeId: 0, topicDefaults: topicConfigDefaults() });
  const declared: string[] = [], found: string[] = [...NOT_REACHED];
  for (const { api, asks } of allGuards(catalogue)) {
    const of = ({ operation, resourceType }: Ask) => `${api.name}: ${operation} on ${resourceType}`;
    declared.push(...asks.map(of));
    found.push(...asked.of(api.name).map((right) => `${api.name}: ${right}`));
  }
  assertEquals(found.sort(), declared.sort());
});
