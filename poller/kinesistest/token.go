package kinesistest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Iterators and page tokens are opaque to their users: a kind, a body and a checksum that only this Service can
// compute. So garbage and the tokens of another Service are recognized.
const (
	iteratorKind  byte = 1
	shardsKind    byte = 2
	streamsKind   byte = 3
	consumersKind byte = 4

	iteratorAge = 5 * time.Minute
	tokenAge    = 300 * time.Second
)

// iterator is the content of a shard iterator: a place in one shard of one stream, and when it was issued. stream is
// the stream's identity, so that a new stream of the same name refuses it.
type iterator struct {
	stream     uint64
	shard      uint32
	generation uint32
	position   uint64
	issued     time.Time
}

// shardsToken is the place at which ListShards resumes.
type shardsToken struct {
	Stream uint64
	After  int
	Filter *types.ShardFilter
	Issued time.Time
}

// streamsToken is the place at which ListStreams resumes.
type streamsToken struct {
	After  string
	Issued time.Time
}

// consumersToken is the place at which ListStreamConsumers resumes.
type consumersToken struct {
	Stream uint64
	After  string
	Issued time.Time
}

// newIterator issues an iterator at a position of a shard.
func (s *Service) newIterator(st *stream, sh *shard, position uint64, now time.Time) *string {
	body := make([]byte, 0, 32)
	body = binary.BigEndian.AppendUint64(body, st.id)
	body = binary.BigEndian.AppendUint32(body, uint32(sh.index))
	body = binary.BigEndian.AppendUint32(body, sh.generation)
	body = binary.BigEndian.AppendUint64(body, position)
	body = binary.BigEndian.AppendUint64(body, uint64(now.UnixMilli()))
	return new(s.seal(iteratorKind, body))
}

// parseIterator parses an iterator, expired or not, and returns false if it is invalid.
func (s *Service) parseIterator(token string) (iterator, bool) {
	body, ok := s.unseal(iteratorKind, token)
	if !ok || len(body) != 32 {
		return iterator{}, false
	}
	return iterator{
		stream:     binary.BigEndian.Uint64(body),
		shard:      binary.BigEndian.Uint32(body[8:]),
		generation: binary.BigEndian.Uint32(body[12:]),
		position:   binary.BigEndian.Uint64(body[16:]),
		issued:     time.UnixMilli(int64(binary.BigEndian.Uint64(body[24:]))),
	}, true
}

// newToken issues a page token with the content t.
func (s *Service) newToken(kind byte, t any) (*string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return new(s.seal(kind, body)), nil
}

// parseToken parses a page token into t, and returns false if it is not a valid one of that kind.
func (s *Service) parseToken(kind byte, token string, t any) bool {
	body, ok := s.unseal(kind, token)
	return ok && json.Unmarshal(body, t) == nil
}

func (s *Service) seal(kind byte, body []byte) string {
	sealed := append(make([]byte, 0, 1+len(body)+8), kind)
	sealed = append(sealed, body...)
	sealed = binary.BigEndian.AppendUint64(sealed, maphash.Bytes(s.seed, sealed))
	return base64.StdEncoding.EncodeToString(sealed)
}

func (s *Service) unseal(kind byte, token string) ([]byte, bool) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < 9 || sealed[0] != kind {
		return nil, false
	}
	body, sum := sealed[:len(sealed)-8], sealed[len(sealed)-8:]
	return body[1:], maphash.Bytes(s.seed, body) == binary.BigEndian.Uint64(sum)
}
