"""A librdkafka consumer: librdkafka.py TOPIC GROUP range|cooperative-sticky|consumer.

Prints each value, commits by itself, leaves its group on SIGTERM.
"""
import os
import signal
import sys

from confluent_kafka import Consumer

topic, group, protocol = sys.argv[1:4]
config = {
    "bootstrap.servers": os.environ["BROKERS"],
    "group.id": group,
    "auto.offset.reset": "earliest",
    "auto.commit.interval.ms": 500,
    "reconnect.backoff.max.ms": 1000,
}
if protocol == "consumer":
    config["group.protocol"] = "consumer"
else:
    config["partition.assignment.strategy"] = protocol
    config["session.timeout.ms"] = 6000
    config["heartbeat.interval.ms"] = 1000
consumer = Consumer(config)
over = False


def end(*_):
    global over
    over = True


signal.signal(signal.SIGTERM, end)
consumer.subscribe([topic])
while not over:
    for message in consumer.consume(500, 0.2):
        if message.error():
            print(message.error(), file=sys.stderr, flush=True)
        else:
            print(message.value().decode())
    sys.stdout.flush()
consumer.close()
