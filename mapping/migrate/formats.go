package migrate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// readers read a row of each format. ok is false for a row that is not about a shard.
var readers = map[Format]func(kcl.Item) (r row, ok bool, err error){
	KCL: readKCL, VMware: readVMware, Harlow: readHarlow, Bento: readBento,
}

// readKCL reads a row of KCL. Its key is the shard's ID, or account:name:epoch:shard where one application reads several streams.
func readKCL(item kcl.Item) (row, bool, error) {
	if !kcl.IsLease(item) {
		return row{}, false, nil
	}
	key := kcl.Text(item, kcl.LeaseKey)
	stream, id := "", key
	if parts := strings.Split(key, ":"); len(parts) == 4 {
		stream, id = strings.Join(parts[:3], ":"), parts[3]
	}
	if id == "" {
		return row{}, false, errors.New("a row has no leaseKey: it is not a lease table of KCL")
	}
	place, err := kcl.PlaceOf(item)
	if err != nil {
		return row{}, false, fmt.Errorf("%s: %w", id, err)
	}
	s := Shard{ID: id, Position: place.Position, End: place.End, Begin: place.Begin, Owner: kcl.Text(item, kcl.LeaseOwner)}
	if n, ok := item[kcl.LeaseCounter].(*types.AttributeValueMemberN); ok {
		s.counter = n.Value
	}
	return row{key, stream, s}, true, nil
}

// readVMware reads a row of vmware-go-kcl: ShardID, AssignedTo, LeaseTimeout, Checkpoint, ParentShardId, ClaimRequest.
func readVMware(item kcl.Item) (row, bool, error) {
	s := Shard{ID: kcl.Text(item, "ShardID"), Owner: kcl.Text(item, "AssignedTo")}
	if s.ID == "" {
		return row{}, false, errors.New("a row has no ShardID: it is not a table of vmware-go-kcl")
	}
	if err := s.claimed(item); err != nil {
		return row{}, false, err
	}
	var err error
	if checkpoint := kcl.Text(item, "Checkpoint"); checkpoint == kcl.ShardEnd {
		s.End = true
	} else {
		err = s.behind(checkpoint)
	}
	return row{s.ID, "", s}, true, err
}

// readHarlow reads a row of kinesis-consumer: namespace, which is application-stream, shard_id, sequence_number.
func readHarlow(item kcl.Item) (row, bool, error) {
	namespace := kcl.Text(item, "namespace")
	s := Shard{ID: kcl.Text(item, "shard_id")}
	if s.ID == "" || namespace == "" {
		return row{}, false, errors.New("a row has no namespace and shard_id: it is not a table of kinesis-consumer")
	}
	err := s.behind(kcl.Text(item, "sequence_number"))
	return row{namespace + " " + s.ID, namespace, s}, true, err
}

// readBento reads a row of Bento: StreamID, ShardID, SequenceNumber, ClientID, LeaseTimeout. Rows of shards that were
// read to their end are deleted.
func readBento(item kcl.Item) (row, bool, error) {
	stream := kcl.Text(item, "StreamID")
	s := Shard{ID: kcl.Text(item, "ShardID"), Owner: kcl.Text(item, "ClientID")}
	if s.ID == "" || stream == "" {
		return row{}, false, errors.New("a row has no StreamID and ShardID: it is not a table of Bento")
	}
	if err := s.claimed(item); err != nil {
		return row{}, false, err
	}
	err := s.behind(kcl.Text(item, "SequenceNumber"))
	return row{stream + " " + s.ID, stream, s}, true, err
}

// behind places the shard after a record that is resolved. "" is a shard without progress.
func (s *Shard) behind(sequenceNumber string) error {
	switch {
	case sequenceNumber == "":
		s.Begin = initially
	case sequenceNumber == kcl.TrimHorizon || sequenceNumber == kcl.Latest || sequenceNumber == kcl.AtTimestamp:
		s.Begin = sequenceNumber
	case !kcl.IsSequenceNumber(sequenceNumber):
		return fmt.Errorf("%s: %q is not a sequence number", s.ID, sequenceNumber)
	default:
		s.Position = batch.Position{SequenceNumber: sequenceNumber}
	}
	return nil
}

// claimed reads the end of the owner's claim to the shard.
func (s *Shard) claimed(row kcl.Item) error {
	at := kcl.Text(row, "LeaseTimeout")
	if at == "" {
		return nil
	}
	var err error
	if s.until, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return fmt.Errorf("%s: LeaseTimeout %q is not a time", s.ID, at)
	}
	return nil
}
