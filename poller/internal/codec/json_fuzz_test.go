package codec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzJSON mutates answers, and holds the codec against the SDK.
func FuzzJSON(f *testing.F) {
	for _, s := range answersInJSON {
		f.Add([]byte(s))
	}
	for seed := range uint64(50) {
		f.Add(generateJSON(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { requireAsSDK(t, body) })
}

// FuzzGeneratedJSON makes answers of a seed, right and wrong ones, which mutation of bytes would seldom find.
func FuzzGeneratedJSON(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { requireAsSDK(t, generateJSON(seed)) })
}

// jsonMaker writes an answer with whatever a service could come up with.
type jsonMaker struct {
	*rand.Rand
	b    strings.Builder
	odds int // one in so many things is out of the ordinary
}

func generateJSON(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	m := &jsonMaker{Rand: random, odds: []int{1 << 30, 100, 20, 5}[random.IntN(4)]}
	m.object([]func(){m.records, m.next, m.behind, m.children}, 0.8)
	out := []byte(m.b.String())
	if m.odd() {
		out = append(out, m.pick(" ", "\n", "{}", "x", "\x00")...)
	}
	if len(out) > 0 && m.odd() {
		out = out[:m.IntN(len(out))]
	}
	for len(out) > 0 && m.odd() {
		out[m.IntN(len(out))] = m.pick(`"`, `\`, `,`, `{`, `}`, `[`, `]`, `:`, "0", "9", "=", "\n", "\xff", "e", "-")[0]
	}
	return out
}

func (m *jsonMaker) odd() bool                  { return m.IntN(m.odds) == 0 }
func (m *jsonMaker) pick(from ...string) string { return from[m.IntN(len(from))] }

func (m *jsonMaker) space() {
	if m.odd() {
		m.b.WriteString(m.pick(" ", "  ", "\n", "\t", "\r\n", "\v", "\x00"))
	}
}

// object writes members, in any order, each there with the probability.
func (m *jsonMaker) object(members []func(), probability float64) {
	m.b.WriteByte('{')
	m.space()
	m.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	first := true
	for i := 0; i < len(members); i++ {
		if m.Float64() > probability {
			continue
		}
		if !first {
			m.b.WriteByte(',')
			m.space()
		}
		first = false
		members[i]()
		m.space()
		if m.odd() && i > 0 {
			i -= 1 + m.IntN(i) // once more
		}
	}
	m.b.WriteByte('}')
}

// member writes a member, mostly of the name and value that it should have.
func (m *jsonMaker) member(name string, value func()) {
	if m.odd() {
		name = m.pick(strings.ToLower(name), "Unknown", `\u0044ata`, name+"s", "", "Data", "Records")
	}
	m.b.WriteString(`"` + name + `"`)
	m.space()
	m.b.WriteByte(':')
	m.space()
	if !m.odd() {
		value()
		return
	}
	m.b.WriteString(m.pick("null", "true", `""`, "0", "-1", "1e3", "1.5", `"\u00e9\n"`, "[]", "{}", `[{"a":[null,1]}]`, `"x"`, "01", "nul", `"`))
}

func (m *jsonMaker) text(s string) {
	m.b.WriteByte('"')
	m.b.WriteString(s)
	if m.odd() {
		m.b.WriteString(m.pick("é", "\xff", `\"`, `\\`, `\u0041`, `\ud83d`, "\x1f", "\x7f", "\n"))
	}
	m.b.WriteByte('"')
}

func (m *jsonMaker) next() {
	m.member("NextShardIterator", func() { m.text("AAAA" + strings.Repeat("b", m.IntN(20))) })
}

func (m *jsonMaker) behind() {
	m.member("MillisBehindLatest", func() {
		if m.odd() {
			m.b.WriteString(m.pick("9223372036854775807", "9223372036854775808", "-5", "1.0", "1E3", "00", "999999999999999999"))
			return
		}
		fmt.Fprint(&m.b, m.Uint64N(1<<m.IntN(40)))
	})
}

func (m *jsonMaker) children() {
	if m.IntN(5) > 0 {
		m.next()
		return
	}
	m.member("ChildShards", func() {
		m.b.WriteString(`[{"ShardId":"shardId-000000000001","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]`)
	})
}

func (m *jsonMaker) records() {
	m.member("Records", func() {
		m.b.WriteByte('[')
		for i := range m.IntN(5) {
			if i > 0 {
				m.b.WriteByte(',')
				m.space()
			}
			members := []func(){m.sequence, m.arrival, m.data, m.key, m.encryption}
			probability := 1.0
			if m.odd() {
				probability = 0.7
			}
			m.object(members[:4+m.IntN(2)], probability)
			m.space()
		}
		m.b.WriteByte(']')
	})
}

func (m *jsonMaker) sequence() {
	m.member("SequenceNumber", func() { m.text(fmt.Sprintf("%d%d", m.Uint64(), m.Uint64())) })
}

func (m *jsonMaker) key() {
	m.member("PartitionKey", func() { m.text(strings.Repeat("k", m.IntN(30))) })
}

func (m *jsonMaker) encryption() {
	m.member("EncryptionType", func() { m.text(m.pick("NONE", "KMS", "OTHER")) })
}

func (m *jsonMaker) arrival() {
	m.member("ApproximateArrivalTimestamp", func() {
		if m.odd() {
			m.b.WriteString(m.pick("0", "1e400", "1.5e-400", "-1", "1.7E+9", "1.7E09", "17e8", "9.3e12", "9223372036.854", "9223372036.855",
				"1234567890123456789", "12345678.12345678901", "0.001", ".5", "1.", "1e", "00.5", "0e5", `"NaN"`, "9007199254740993"))
			return
		}
		millis := m.Int64N(4_000_000_000_000)
		fmt.Fprintf(&m.b, m.pick("%d.%03d", "%d.%03dE0"), millis/1000, millis%1000)
	})
}

func (m *jsonMaker) data() {
	m.member("Data", func() {
		data := make([]byte, m.IntN(200))
		for i := range data {
			data[i] = byte(m.Uint32())
		}
		s := base64Of(data)
		if m.odd() && s != "" {
			at := m.IntN(len(s))
			s = s[:at] + m.pick("=", "\n", `\n`, `\/`, "-", "_", "==", "A", "\xff", " ") + s[at+m.IntN(2):]
		}
		m.b.WriteString(`"` + s + `"`)
	})
}
