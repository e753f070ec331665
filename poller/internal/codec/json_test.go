package codec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	smithytime "github.com/aws/smithy-go/time"
	"github.com/stretchr/testify/require"
)

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

const (
	record1 = `{"ApproximateArrivalTimestamp":1.441215410867E9,"Data":"XzxkYXRhPl8x","PartitionKey":"partitionKey","SequenceNumber":"21269319989652663814458848515492872193"}`
	record2 = `{"SequenceNumber":"21269319989652663814458848515492872194","ApproximateArrivalTimestamp":1441215410.868,"Data":"","PartitionKey":"é","EncryptionType":"KMS"}`
	record3 = `{"SequenceNumber":"21269319989652663814458848515492872195","ApproximateArrivalTimestamp":1441215410,"Data":"AAAA"}`
)

// answersInJSON are what services send.
var answersInJSON = []string{
	`{"MillisBehindLatest":2100,"NextShardIterator":"AAAAAAAAAAHsW8zCWf9164uy8Epue6WS3w6wmj4a4USt","Records":[` + record1 + `]}`,
	`{"Records":[` + record1 + `,` + record2 + `,` + record3 + `],"NextShardIterator":"AAAA","MillisBehindLatest":0}`,
	`{"Records":[],"NextShardIterator":"AAAA","MillisBehindLatest":0}`,
	`{"Records": [` + record1 + `, ` + record3 + `], "MillisBehindLatest": 5}`,
	"{\n\t\"Records\": [\n" + record1 + ",\n" + record2 + "\n]\n}\n",
	`{"NextShardIterator":null,"Records":[` + record1 + `],"ChildShards":[{"ShardId":"a","ParentShards":["b"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]}`,
	`{}`, ``, `null`, `[]`, `{"Records":null}`, `{"Records":[null]}`, `{"Records":[{}]}`,
}

func TestWhatAServiceSendsIsTakenByTheFastPass(t *testing.T) {
	for i, body := range answersInJSON[:5] {
		requireAsSDK(t, []byte(body))
		p := &Protocol{ClientProtocol: sdk}
		_, err := decodeWith(t, p, []byte(body))
		require.NoError(t, err)
		require.True(t, p.Decoded, "answer %d", i)
	}
}

func TestSurprisesAreHandedToTheSDK(t *testing.T) {
	good := answersInJSON[0]
	for name, body := range map[string]string{
		"escaped key":          strings.Replace(good, "partitionKey", `partition\u004bey`, 1),
		"escaped data":         strings.Replace(good, "XzxkYXRh", `Xzxk\u0059XRh`, 1),
		"line break in data":   strings.Replace(good, "XzxkYXRh", "Xzxk\nYXRh", 1),
		"bad data":             strings.Replace(good, "XzxkYXRh", "Xzxk!XRh", 1),
		"short data":           strings.Replace(good, "XzxkYXRhPl8x", "Xzxk=", 1),
		"null key":             strings.Replace(good, `"partitionKey"`, `null`, 1),
		"unknown member":       strings.Replace(good, `{"Appr`, `{"New":{"a":[1]},"Appr`, 1),
		"unknown outer member": strings.Replace(good, `{"Millis`, `{"New":[],"Millis`, 1),
		"member twice":         strings.Replace(good, `"Data":`, `"Data":"AAAA","Data":`, 1),
		"outer member twice":   strings.Replace(good, `{"Millis`, `{"Records":[],"Millis`, 1),
		"empty key":            strings.Replace(good, "partitionKey", ``, 1),
		"no sequence number":   strings.Replace(good, "SequenceNumber", `Sequence`, 1),
		"negative time":        strings.Replace(good, "1.44", `-1.44`, 1),
		"time with sign":       strings.Replace(good, "E9", `E+9`, 1),
		"time of many digits":  strings.Replace(good, "1.441215410867E9", `1441215410.86712345678901`, 1),
		"lag that is no count": strings.Replace(good, "2100", `2.1E3`, 1),
		"time that is none":    strings.Replace(good, "1.441215410867E9", `"NaN"`, 1), // the SDK panics
		"bytes behind":         good + "x",
		"cut off":              good[:len(good)-3],
		"child shards":         answersInJSON[5],
		"nothing":              "",
		"empty object":         "{}",
	} {
		t.Run(name, func(t *testing.T) {
			requireAsSDK(t, []byte(body))
			p := &Protocol{ClientProtocol: sdk}
			_, _ = decodeWith(t, p, []byte(body))
			require.False(t, p.Decoded)
		})
	}
}

func TestTimesAreThoseOfTheSDK(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		millis := random.Int64N(4_000_000_000_000)
		for _, form := range []string{
			fmt.Sprintf("%d.%03d", millis/1000, millis%1000),
			fmt.Sprintf("%d.%09dE9", millis/1e12, millis%1e12/1e3),
			fmt.Sprintf("%de-3", millis),
		} {
			mantissa, scale, end := decimal([]byte(form+","), 0)
			if end < 0 {
				continue
			}
			got, ok := toMillis(mantissa, scale)
			require.True(t, ok, form)
			f, err := strconv.ParseFloat(form, 64)
			require.NoError(t, err)
			require.Equal(t, smithytime.ParseEpochSeconds(f).UnixMilli(), got, form)
		}
	}
}

func TestBase64IsThatOfTheStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		text := []byte(base64Of(data))
		requireBase64(t, text)
		for range 20 * min(n, 1) {
			changed := bytes.Clone(text)
			changed[random.IntN(len(text))] = byte(random.Uint32())
			requireBase64(t, changed)
		}
	}
	for at := range 64 { // each byte at each place of two vectors
		for c := range 256 {
			text := bytes.Repeat([]byte("Ab+/"), 30)
			text[at] = byte(c)
			requireBase64(t, text)
		}
	}
	for c := range 1 << 16 { // the padding and the bits that belong to no byte
		requireBase64(t, []byte{'A', 'B', byte(c >> 8), byte(c)})
	}
}

// requireBase64 wants the same of both, or a refusal of what the standard library takes in part.
func requireBase64(t *testing.T, text []byte) {
	t.Helper()
	want, err := base64.StdEncoding.DecodeString(string(text))
	room := make([]byte, decodedLen(len(text))+spare+32)
	for i := range room {
		room[i] = 0xaa
	}
	n, ok := unbase64(room[:decodedLen(len(text))+spare], text)
	broken := bytes.ContainsAny(text, "\r\n")
	if ok != (err == nil && !broken) {
		t.Fatalf("%q: taken: %v, the standard library says %v", text, ok, err)
	}
	if ok && !bytes.Equal(want, room[:n]) {
		t.Fatalf("%q: got %x, want %x", text, room[:n], want)
	}
	for _, c := range room[decodedLen(len(text))+spare:] {
		if c != 0xaa {
			t.Fatalf("%q: written behind the room", text)
		}
	}
}

func TestRecordsOfManyGoroutinesAreTheirOwn(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			body := sampleJSON(100+g, 300)
			for range 20 {
				p := &Protocol{ClientProtocol: sdk, Direct: true}
				_, err := decodeWith(t, p, body)
				if err != nil || len(p.Records) != 300 {
					t.Errorf("got %d records, %v", len(p.Records), err)
					return
				}
				for i := range p.Records {
					if len(p.Records[i].Data) != 100+g {
						t.Errorf("got %d bytes, want %d", len(p.Records[i].Data), 100+g)
					}
					scribble(p.Records[i].Data)
				}
			}
		})
	}
	wg.Wait()
}

func TestADecodedPageCostsFewAllocations(t *testing.T) {
	body := sampleJSON(1000, 1000)
	allocs := testing.AllocsPerRun(10, func() {
		src := open(bytes.NewReader(body), int64(len(body)))
		a, ok := decodeJSON(src)
		require.True(t, ok)
		require.Len(t, a.records, 1000)
		src.free()
	})
	require.Less(t, allocs, 50.0, "of 1,000 records")
}
