package dynamostore_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/storetest"
)

func TestKeepsDefinitions(t *testing.T) {
	db := server(t)
	storetest.RunDefinitions(t, func(t *testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) {
		return open(t, db, "worker"), func() storetest.DefinitionStore { return open(t, db, "worker") }
	})
}

func TestFleetStoreKeepsDefinitions(t *testing.T) {
	db := server(t)
	storetest.RunDefinitions(t, func(t *testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) {
		return openFleet(t, db), func() storetest.DefinitionStore { return openFleet(t, db) }
	})
}

func row(key, version string) driver.Definition {
	return driver.Definition{Key: key, Version: version, Data: []byte(version)}
}

// definitions returns the versions by key.
func definitions(t testing.TB, s driver.DefinitionStore) map[string]string {
	t.Helper()
	rows, _, err := s.Definitions(t.Context())
	require.NoError(t, err)
	all := map[string]string{}
	for _, r := range rows {
		all[r.Key] = r.Version
	}
	return all
}

func token(t testing.TB, s driver.DefinitionStore) string {
	t.Helper()
	got, err := s.DefinitionsToken(t.Context())
	require.NoError(t, err)
	return got
}

func TestReadingDefinitionsCreatesNoTable(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	assert.Empty(t, definitions(t, s))
	at := token(t, s)
	require.ErrorIs(t, s.DeleteDefinition(t.Context(), "a", "1"), driver.ErrDefinitionChanged)
	require.NoError(t, s.Forget(t.Context(), orders))
	tables, err := db.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	assert.Empty(t, tables.TableNames)
	require.NoError(t, s.PutDefinition(t.Context(), row("a", "1"), ""))
	assert.NotEqual(t, at, token(t, s))

	elsewhere := open(t, db, "a", func(o *dynamostore.Options) { o.Table, o.NoCreate = "elsewhere", true })
	_, err = elsewhere.DefinitionsToken(t.Context())
	require.ErrorContains(t, err, "elsewhere: the table does not exist")
	_, _, err = elsewhere.Definitions(t.Context())
	require.ErrorContains(t, err, "elsewhere: the table does not exist")
	require.ErrorContains(t, elsewhere.PutDefinition(t.Context(), row("a", "1"), ""), "elsewhere: the table does not exist")
	err = elsewhere.DeleteDefinition(t.Context(), "a", "1")
	require.ErrorContains(t, err, "elsewhere: the table does not exist")
	require.NotErrorIs(t, err, driver.ErrDefinitionChanged)
}

// TestLostAnswersOfDefinitions breaks each write of a call, in each way. Done twice by the SDK, it is done; otherwise the
// caller can make it again. Whoever may have written tells others of it.
func TestLostAnswersOfDefinitions(t *testing.T) {
	db := server(t)
	require.NoError(t, open(t, db, "a").PutDefinition(t.Context(), row("other", "1"), "")) // the table
	for name, f := range map[string]fault{"the SDK did it twice": twice, "the answer is lost": lostReply, "it never arrived": lostCall, "throttled": throttled} {
		t.Run(name, func(t *testing.T) {
			c := &cutter{Client: db}
			s := open(t, c, "a")
			definite := f == lostCall || f == throttled
			check := func(err error) {
				t.Helper()
				switch f {
				case twice:
					require.NoError(t, err)
				case throttled:
					require.ErrorIs(t, err, dynamostore.ErrThrottled)
				default:
					require.ErrorIs(t, err, errCut)
				}
			}
			key := t.Name()
			for i, r := range []driver.Definition{row(key, "1"), row(key, "2")} {
				before, expected := token(t, s), []string{"", "1"}[i]
				c.next(f)
				check(s.PutDefinition(t.Context(), r, expected))
				assert.Equal(t, !definite, definitions(t, s)[key] == r.Version)
				assert.NotEqual(t, before, token(t, s))
				require.NoError(t, s.PutDefinition(t.Context(), r, expected))

				before = token(t, s)
				r.Version += "'"
				c.next(none, f) // the row is written, the token is in doubt
				check(s.PutDefinition(t.Context(), r, r.Version[:1]))
				assert.Equal(t, r.Version, definitions(t, s)[key])
				require.NoError(t, s.PutDefinition(t.Context(), r, r.Version[:1]))
				assert.NotEqual(t, before, token(t, s))
				require.NoError(t, s.PutDefinition(t.Context(), row(key, []string{"1", "2"}[i]), r.Version))
			}

			before := token(t, s)
			c.next(f)
			err := s.DeleteDefinition(t.Context(), key, "2")
			check(err)
			assert.NotEqual(t, before, token(t, s))
			if definite {
				require.NoError(t, s.DeleteDefinition(t.Context(), key, "2"))
			}
			assert.NotContains(t, definitions(t, s), key)
			require.ErrorIs(t, s.DeleteDefinition(t.Context(), key, "2"), driver.ErrDefinitionChanged)
			require.NoError(t, s.PutDefinition(t.Context(), row(key, "3"), ""))

			c.next(none, none, f) // deleted and told, but perhaps still there
			require.NoError(t, s.DeleteDefinition(t.Context(), key, "3"))
			assert.NotContains(t, definitions(t, s), key)
			require.ErrorIs(t, s.PutDefinition(t.Context(), row(key, "4"), "3"), driver.ErrDefinitionChanged)
			require.ErrorIs(t, s.DeleteDefinition(t.Context(), key, "3"), driver.ErrDefinitionChanged)
			require.NoError(t, s.PutDefinition(t.Context(), row(key, "4"), ""))
			assert.Equal(t, "4", definitions(t, s)[key])
		})
	}
}

// meddler has somebody else's write come between the two of a DeleteDefinition.
type meddler struct {
	*dynamodb.Client
	before func()
}

func (m *meddler) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	m.before()
	return m.Client.DeleteItem(ctx, in, opts...)
}

func TestDeleteLeavesARowThatWasPutMeanwhile(t *testing.T) {
	db := server(t)
	other := open(t, db, "b")
	s := open(t, &meddler{Client: db, before: func() {
		assert.Empty(t, definitions(t, other))
		require.NoError(t, other.PutDefinition(t.Context(), row("a", "2"), ""))
	}}, "a")
	require.NoError(t, s.PutDefinition(t.Context(), row("a", "1"), ""))
	require.NoError(t, s.DeleteDefinition(t.Context(), "a", "1"))
	assert.Equal(t, map[string]string{"a": "2"}, definitions(t, other))
}

// latecomer has a write come in right behind each list of the definitions.
type latecomer struct {
	*dynamodb.Client
	behind func()
}

func (l *latecomer) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out, err := l.Client.Query(ctx, in, opts...)
	l.behind()
	return out, err
}

func TestTokenIsOfAMomentBeforeTheRows(t *testing.T) {
	db := server(t)
	other := open(t, db, "b")
	s := open(t, &latecomer{Client: db, behind: func() {
		require.NoError(t, other.PutDefinition(t.Context(), row("late", "1"), ""))
	}}, "a")
	rows, before, err := s.Definitions(t.Context())
	require.NoError(t, err)
	assert.Empty(t, rows)
	assert.NotEqual(t, before, token(t, other))
}

// stopper ends its context with the first write.
type stopper struct {
	*dynamodb.Client
	stop func()
}

func (s *stopper) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	defer s.stop()
	return s.Client.PutItem(ctx, in, opts...)
}

func TestWriteIsToldThoughItsContextEnds(t *testing.T) {
	db := server(t)
	other := open(t, db, "b")
	require.NoError(t, other.PutDefinition(t.Context(), row("other", "1"), ""))
	before := token(t, other)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, open(t, &stopper{Client: db, stop: cancel}, "a").PutDefinition(ctx, row("a", "1"), ""))
	assert.NotEqual(t, before, token(t, other))
}

func TestDefinitionsThatCannotBeReadAreUnreadable(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	require.NoError(t, s.PutDefinition(t.Context(), row("good", "1"), ""))
	bad := map[string]types.AttributeValue{"part": str("definitions"), "item": str("bad")}
	for name, change := range map[string]item{
		"no version":           {},
		"a version of a kind":  {"version": num(1)},
		"data of another kind": {"version": str("1"), "data": str("x")},
	} {
		i := item{}
		for _, from := range []item{bad, change} {
			for k, v := range from {
				i[k] = v
			}
		}
		put(t, db, dynamostore.DefaultTable, i)
		_, _, err := s.Definitions(t.Context())
		require.ErrorIs(t, err, driver.ErrUnreadable, name)
		require.ErrorContains(t, err, "definition bad", name)
		require.ErrorIs(t, s.PutDefinition(t.Context(), row("bad", "2"), ""), driver.ErrDefinitionChanged, "%s: it is never taken for none", name)
	}
	put(t, db, dynamostore.DefaultTable, item{"part": str("definitions-token"), "item": str("token"), "writes": str("x")})
	_, err := s.DefinitionsToken(t.Context())
	require.ErrorIs(t, err, driver.ErrUnreadable)
}
