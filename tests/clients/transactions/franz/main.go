// Copies with franz-go: franz INPUT OUTPUT GROUP TRANSACTIONAL_ID. Each transaction has what one poll brought, to the
// partition it came from, and the group's offsets; every fifth is aborted. What cannot go on ends with 1 and is started
// again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	input, output, group, id := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(os.Getenv("BROKERS"), ",")...),
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(10*time.Second),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(input),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(time.Second),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer session.Close()
	for count := 1; ctx.Err() == nil; count++ {
		fetches := session.PollRecords(ctx, 50)
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			fmt.Fprintln(os.Stderr, "begin", err)
			os.Exit(1)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(context.Background(), &kgo.Record{
				Topic:     output,
				Partition: record.Partition,
				Value:     record.Value,
			}, nil)
		})
		if _, err := session.End(context.Background(), kgo.TransactionEndTry(count%5 != 0)); err != nil {
			fmt.Fprintln(os.Stderr, "end", err)
			os.Exit(1)
		}
	}
}
