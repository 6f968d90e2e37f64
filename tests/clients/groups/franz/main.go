// A franz-go consumer: franz TOPIC GROUP range|cooperative-sticky|consumer. Prints each value, then commits; leaves its
// group on SIGTERM.
package main

import (
	"bufio"
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
	topic, group, protocol := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(os.Getenv("BROKERS"), ",")...),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(6 * time.Second),
		kgo.HeartbeatInterval(time.Second),
	}
	switch protocol {
	case "range":
		options = append(options, kgo.Balancers(kgo.RangeBalancer()))
	case "cooperative-sticky":
		options = append(options, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case "consumer": // still behind this switch
		next := context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true)
		options = append(options, kgo.WithContext(next), kgo.Balancers(kgo.CooperativeStickyBalancer()))
	default:
		fmt.Fprintf(os.Stderr, "protocol %s: needed is range, cooperative-sticky or consumer\n", protocol)
		os.Exit(2)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) { fmt.Fprintln(out, string(record.Value)) })
		out.Flush()
		commit, done := context.WithTimeout(context.Background(), 5*time.Second)
		if err := client.CommitUncommittedOffsets(commit); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		done()
	}
	client.Close()
}
