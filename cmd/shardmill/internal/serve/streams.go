package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// streams is a Kinesis in this process, on its own loopback address. It does not verify signatures.
type streams struct {
	*web
	arns    []string // in the order of the configuration
	service *kinesistest.Service
}

// openStreams opens the streams, and creates missing ones. It listens, but does not serve yet.
func openStreams(ctx context.Context, c *config, log *slog.Logger) (*streams, error) {
	e := c.Kinesis.Embedded
	service, err := openService(e.Path, kinesistest.Config{Region: c.Region, Account: c.Account})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where("kinesis.embedded.path"), c.veil(err))
	}
	s := &streams{service: service}
	if s.arns, err = ensureStreams(ctx, service, e.Streams); err != nil {
		return nil, fmt.Errorf("%s: %w", c.where("kinesis.embedded.streams"), c.veil(errors.Join(err, service.Close())))
	}
	listener, err := listen(ctx, e.Listen)
	if err == nil && !isLoopback(listener) {
		err = errors.Join(fmt.Errorf("%s can be reached from other machines, and requests to it are not verified", e.Listen), listener.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where("kinesis.embedded.listen"), c.veil(errors.Join(err, service.Close())))
	}
	s.web = newWeb(ctx, listener, knownHosts(service.Handler(), c.Hosts), log)
	s.web.unasked() // as Amazon's SDKs for Java and JavaScript call Kinesis
	return s, nil
}

func openService(path string, c kinesistest.Config) (*kinesistest.Service, error) {
	if path == "" {
		return kinesistest.New(c), nil
	}
	return kinesistest.Open(path, c)
}

// ensureStreams creates missing streams, and returns the ARNs of all.
func ensureStreams(ctx context.Context, service *kinesistest.Service, all []streamConfig) ([]string, error) {
	var arns []string
	for _, s := range all {
		_, err := service.CreateStream(s.Name, s.Shards)
		if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
			return nil, err
		}
		out, err := service.Client().DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.Name})
		if err != nil {
			return nil, err
		}
		arns = append(arns, aws.ToString(out.StreamDescriptionSummary.StreamARN))
	}
	return arns, nil
}

// stop ends all calls, and closes the streams' file, which no call may outlive.
func (s *streams) stop(ctx context.Context) error {
	s.hangUp() // subscriptions would continue
	return errors.Join(s.web.stop(ctx), s.service.Close())
}
