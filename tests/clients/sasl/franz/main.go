// franz-go that logs in by SCRAM: franz 256|512 USER PASSWORD TOPIC COUNT. Sends COUNT records to the topic, which it makes
// if need be, reads as many back in a group, and ends with 0 where they are the same in order. CA: a PEM file, else in clear.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	mechanism, topic := os.Args[1], os.Args[4]
	count, err := strconv.Atoi(os.Args[5])
	if err != nil {
		return err
	}
	auth := scram.Auth{User: os.Args[2], Pass: os.Args[3]}
	login := auth.AsSha512Mechanism()
	if mechanism == "256" {
		login = auth.AsSha256Mechanism()
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(os.Getenv("BROKERS"), ",")...),
		kgo.SASL(login),
		kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(topic + "-group"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if file := os.Getenv("CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no certificate in %s", file)
		}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: roots, ServerName: "localhost"}))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := client.Ping(ctx); err != nil { // says what is wrong with a log-in, where producing would try again
		return err
	}
	for i := 0; i < count; i++ {
		record := &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}
		client.Produce(ctx, record, func(_ *kgo.Record, failed error) {
			if failed != nil {
				fmt.Fprintln(os.Stderr, failed)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	for got := 0; got < count; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if string(record.Value) != strconv.Itoa(got) {
				return fmt.Errorf("record %d is %q", got, record.Value)
			}
			got++
		}
	}
	return client.CommitUncommittedOffsets(ctx)
}
