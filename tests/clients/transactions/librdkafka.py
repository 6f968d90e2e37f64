"""Copies with librdkafka: librdkafka.py INPUT OUTPUT GROUP TRANSACTIONAL_ID.

Each transaction has some records, to the partition they came from, and the group's offsets; every fifth is aborted. What
cannot go on ends with 1 and is started again.
"""
import os
import signal
import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

source, target, group, transactional_id = sys.argv[1:5]
common = {"bootstrap.servers": os.environ["BROKERS"], "reconnect.backoff.max.ms": 1000}
consumer = Consumer({
    **common,
    "group.id": group,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
})
producer = Producer({**common, "transactional.id": transactional_id, "transaction.timeout.ms": 10000, "linger.ms": 2})
over = False


def end(*_):
    global over
    over = True


def rewind():
    for partition in consumer.committed(consumer.assignment(), timeout=20):
        offset = partition.offset if partition.offset >= 0 else 0
        consumer.seek(TopicPartition(partition.topic, partition.partition, offset))


def commit():
    while True:
        try:
            return producer.commit_transaction(30)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def transaction(records, is_aborted):
    producer.begin_transaction()
    try:
        for record in records:
            producer.produce(target, value=record.value(), partition=record.partition())
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
        if not is_aborted:
            return commit()
    except KafkaException as error:
        if not error.args[0].txn_requires_abort():
            raise
        print(error, file=sys.stderr, flush=True)
    producer.abort_transaction(30)
    rewind()


signal.signal(signal.SIGTERM, end)
producer.init_transactions(60)
consumer.subscribe([source])
count = 0
while not over:
    records = [record for record in consumer.consume(50, 0.2) if not record.error()]
    if not records:
        continue
    count += 1
    transaction(records, count % 5 == 0)
consumer.close()
