/**
 * WriteTxnMarkers 1–2: transactions of producers are ended in partitions, by a coordinator, or by an operator whom a
 * hanging one bothers (`kafka-transactions.sh abort`). Answered when every marker is durable; codes are those of
 * local_markers.ts.
 *
 * Versions: 2 says of which transaction version the transaction is (KIP-1228); 1 is 0, so that a marker of the
 * producer's own epoch ends what it has open.
 *
 * Markers are appended in the order in which they are named, each once in a partition. As in Kafka there is one entry a
 * producer id in the answer, with every partition once: of several markers for one, the last one's code. One that names
 * no partition has none.
 */
import { WriteTxnMarkers } from "../protocol/messages/write_txn_markers.ts";
import type { MarkerWriter } from "../transactions/marker_writer.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export function writeTxnMarkers(markers: MarkerWriter, answers: LongAnswers): Handler {
  return handler(WriteTxnMarkers, { min: 1, max: 2 }, async (request, { connection }) => {
    const producers = new Map<number, Topics>();
    const items = request.markers.flatMap(({ topics, transactionResult: isCommit, ...marker }) =>
      topics.flatMap(({ name, partitionIndexes }) =>
        Array.from(new Set(partitionIndexes), (index) => ({ marker, isCommit, name, index }))
      )
    );
    const written = await answers.of({
      items,
      part: ({ marker, isCommit, name, index }) => {
        const ofTopic = entryOf(entryOf(producers, marker.producerId), name);
        ofTopic.set(index, markers.write(name, index, { ...marker, isCommit }));
      },
      whole: () => null,
      connection,
    });
    if (written !== null) return written;
    return { markers: await Promise.all(Array.from(producers, answerOf)) };
  });
}

/** The codes to come, by topic and partition. */
type Topics = Map<string, Map<number, Promise<number>>>;

async function answerOf([producerId, topics]: readonly [number, Topics]) {
  const answers = Array.from(topics, async ([name, codes]) => ({
    name,
    partitions: await Promise.all(
      Array.from(codes, async ([partitionIndex, errorCode]) => {
        return { partitionIndex, errorCode: await errorCode };
      }),
    ),
  }));
  return { producerId, topics: await Promise.all(answers) };
}

function entryOf<K, A, B>(map: Map<K, Map<A, B>>, key: K): Map<A, B> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = new Map<A, B>();
  map.set(key, made);
  return made;
}
