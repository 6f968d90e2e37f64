/** Differences: where an API that is served answers otherwise than Kafka 4.4, and why one of Kafka's is not served. */

/** By API; what clients may notice, not how it is done. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  AddPartitionsToTxn:
    "A request of version 4 without transactions is answered; Kafka never answers it.",
  AlterClientQuotas: "Addresses have to be IP addresses; Kafka looks names up.",
  AlterConfigs: "A resource that is named twice is 42; Kafka never answers.",
  AlterPartitionReassignments: "There is one node, so nothing can move anywhere else.",
  AlterReplicaLogDirs: "There is one directory.",
  AlterUserScramCredentials:
    "A salted password that is not as long as its hash, an empty salt and one of more than 2048 bytes are 93; Kafka takes them.",
  CreateAcls: "At most `authorization.max_acls`, one more is 44; Kafka has no limit.",
  CreateDelegationToken: "An owner who is no user is refused (67); Kafka makes the token.",
  CreateTopics:
    "A topic whose log cannot be made is 56 until it can; Kafka answers 0, and its partitions 56.",
  DeleteAcls: "At most a thousand filters that look at every ACL, more are 44; Kafka has no limit.",
  ElectLeaders: "There is one node, so there is nobody else to elect.",
  EndTxn:
    "Version 5 of who was fenced, after an end of an older client, is 90; Kafka takes it for a retry of that end.",
  ExpireDelegationToken:
    "Sessions of the token end within seconds; in Kafka they last as long as the token was good when they began.",
  Fetch:
    "What an ACL that was removed meanwhile let be read is refused at the end of a wait; Kafka still answers with it once. Replicas do not fetch from here (6).",
  FindCoordinator:
    "A group whose partition could not be loaded has no coordinator until it can (15); share groups never have one.",
  IncrementalAlterConfigs:
    "A resource or config named twice, or an unknown operation, is 42; Kafka answers -1. Broker loggers are unknown (40).",
  InitProducerId:
    "Version 6, of two-phase commit, is unstable in Kafka too: both end the connection.",
  ListGroups:
    "While groups of a partition cannot be read it says so (15); Kafka leaves them out without a word.",
  Metadata:
    "A topic that is made on the way is answered as it then is; Kafka answers 3, and lets the client ask again.",
  SaslAuthenticate:
    "Another request while a token is due ends the connection without an answer; Kafka answers it with 34 first.",
  UnregisterBroker: "This broker itself is refused (42).",
};

/** Of Kafka's APIs that are not served, by what they are for. */
export const NOT_SERVED: readonly { readonly apis: RegExp; readonly why: string }[] = [
  { apis: /^(Share|.*ShareGroup)/, why: "Share groups (KIP-932)" },
  { apis: /^StreamsGroup/, why: "Groups of the streams protocol (KIP-1071)" },
  {
    apis: /^(AddRaftVoter|RemoveRaftVoter|UnregisterController)$/,
    why: "Controllers: the node is its own, and the only one",
  },
];
