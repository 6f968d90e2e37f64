/** Groups: which there are, and one with its members, what it has committed, and why it does not get on. */
import { check } from "../client/errors.ts";
import { describeGroupAt, type GroupDescription } from "../client/groups.ts";
import type { Requests } from "../client/asking.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ListGroups } from "../protocol/messages/list_groups.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import type { GroupDetail, GroupLag, GroupOffset, GroupRow, Page } from "./api.ts";
import {
  EARLIEST,
  isMade,
  LATEST,
  nameOfPlace,
  OFFSETS_TOPIC,
  offsetsAt,
  type Place,
  topicsOf,
} from "./ask.ts";
import { ApiFailure } from "./failure.ts";
import { stuckBy } from "./group_stuck.ts";
import { pause } from "./looks.ts";
import { pageOf, pageQuery } from "./page.ts";
import { type Call, needed, type Route } from "./route.ts";

export const idQuery = {
  id: { type: "string", maxLength: 32_000, doc: "Its name; it has to be given." },
} as const;

export const groupRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "groups",
    summary: "Groups with their state and lag",
    query: pageQuery(["id", "state", "members", "lag", "type"]),
    answers: "Page<GroupRow>",
    handle: listGroups,
  },
  {
    method: "GET",
    path: "group",
    summary: "A group with its members and what it has committed",
    query: idQuery,
    answers: "GroupDetail",
    handle: describe,
  },
  {
    method: "GET",
    path: "group/lag",
    summary: "How far a group was behind within the last hour",
    query: idQuery,
    answers: "GroupLag",
    handle: lagOf,
  },
];

/** Lags that are looked at before others have their turn. */
const LAGS_A_TURN = 2000;

/** What the broker counts of a group. */
interface Counted {
  readonly members: number;
  readonly lag: number | null;
}

async function listGroups(call: Call): Promise<Page<GroupRow>> {
  const { requests, house } = call;
  const answer = await requests.request(ListGroups, requests.versionFor(ListGroups), {});
  check(answer.errorCode, "groups");
  const counted = new Map<string, Counted>();
  let looked = 0;
  for (const { groupId, members, lags } of house.metrics.groups()) {
    let lag: number | null = null;
    for (const one of lags()) {
      lag = (lag ?? 0) + one.lag;
      looked++;
    }
    counted.set(groupId, { members, lag });
    if (looked >= LAGS_A_TURN) {
      await pause();
      looked = 0;
    }
  }
  const rows = answer.groups.map(({ groupId, groupType, groupState }): GroupRow => ({
    id: groupId,
    type: groupType.toLowerCase(),
    state: groupState,
    members: counted.get(groupId)?.members ?? 0,
    lag: counted.get(groupId)?.lag ?? null,
  }));
  return pageOf(rows, call, { nameOf: ({ id }) => id, sort: "id" });
}

async function describe(call: Call): Promise<GroupDetail> {
  const { requests } = call, group = await shownOf(await groupOf(call), call);
  const { groupId: id } = group;
  const offsets = await offsetsOf(requests, group);
  const known = offsets.filter(({ lag }) => lag !== null);
  return {
    id,
    type: group.type,
    state: group.state,
    members: group.members.length,
    lag: known.length === 0 ? null : known.reduce((sum, { lag }) => sum + lag!, 0),
    assignor: group.assignor,
    generation: group.epoch,
    memberList: group.members.map(({ id, instanceId, clientId, host, topics, partitions }) => ({
      id,
      instanceId,
      clientId,
      host,
      topics,
      partitions,
    })),
    offsets,
    stuck: stuckBy(group, offsets),
  };
}

async function groupOf(call: Call): Promise<GroupDescription> {
  const { requests, house } = call, id = needed(call, "id");
  const group = isMade(house, OFFSETS_TOPIC) ? await describeGroupAt(requests, id) : null;
  if (group !== null) return group;
  throw new ApiFailure("not_found", `there is no group ${id}`, { field: "id" });
}

/** Of topics that members want or have, those that the user may see: Kafka's own answer has them all. */
async function shownOf(
  group: GroupDescription,
  { requests, session }: Call,
): Promise<GroupDescription> {
  const { members } = group;
  if (!session.hasAcls || members.length === 0) return group;
  const places = members.flatMap(({ partitions, target }) => [...partitions, ...target ?? []]);
  const names = new Set([
    ...members.flatMap(({ topics }) => topics),
    ...places.map(({ topic }) => topic),
  ]);
  const topics = names.size === 0 ? [] : await topicsOf(requests, [...names]);
  const hidden = new Set(
    topics.filter(({ errorCode }) => errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED)
      .map(({ name }) => name),
  );
  const isShown = ({ topic }: Place) => !hidden.has(topic);
  return {
    ...group,
    members: members.map((member) => ({
      ...member,
      topics: member.topics.filter((topic) => !hidden.has(topic)),
      partitions: member.partitions.filter(isShown),
      target: member.target?.filter(isShown) ?? null,
    })),
  };
}

/** Of partitions, those that the user may see. */
async function lagOf(call: Call): Promise<GroupLag> {
  const { groupId } = await groupOf(call), mayBeSeen = await committedBy(call.requests, groupId);
  const lag = call.house.lags.of(groupId);
  return { ...lag, partitions: lag.partitions.filter((one) => mayBeSeen.has(nameOfPlace(one))) };
}

/** Of what it has committed, and of what members have. */
async function offsetsOf(requests: Requests, group: GroupDescription): Promise<GroupOffset[]> {
  const committed = await committedBy(requests, group.groupId);
  const holders = new Map<string, string>(), places = new Map<string, Place>();
  for (const member of group.members) {
    for (const place of member.partitions) {
      holders.set(nameOfPlace(place), member.id);
      places.set(nameOfPlace(place), place);
    }
  }
  for (const [name, { place }] of committed) places.set(name, place);
  const all = [...places.values()];
  const [starts, ends] = await Promise.all(
    [EARLIEST, LATEST].map((timestamp) => offsetsAt(requests, all, { timestamp })),
  );
  const rows = [...places].map(([name, place]): GroupOffset => {
    const start = numberOf(starts.get(name)), end = numberOf(ends.get(name));
    const offset = committed.get(name)?.offset ?? null;
    return {
      topic: place.topic,
      partition: place.partition,
      committed: offset,
      start,
      end,
      lag: offset === null || end === null ? null : Math.max(0, end - offset),
      memberId: holders.get(name) ?? null,
    };
  });
  return rows.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  );
}

/** By nameOfPlace(). */
export async function committedBy(
  requests: Requests,
  groupId: string,
): Promise<Map<string, { readonly place: Place; readonly offset: number }>> {
  const version = requests.versionFor(OffsetFetch, LAST_VERSION_WITH_NAMES);
  const { groups: [group] } = await requests.request(OffsetFetch, version, {
    groups: [{ groupId, topics: null }],
  });
  check(group.errorCode, `offsets of group ${groupId}`);
  const found = new Map<string, { place: Place; offset: number }>();
  for (const { name: topic, partitions } of group.topics) {
    for (const { partitionIndex: partition, committedOffset, errorCode } of partitions) {
      const offset = Number(committedOffset), place = { topic, partition };
      if (errorCode === 0 && offset >= 0) found.set(nameOfPlace(place), { place, offset });
    }
  }
  return found;
}

const LAST_VERSION_WITH_NAMES = 9;

function numberOf(offset: unknown): number | null {
  return typeof offset === "number" ? offset : null;
}
