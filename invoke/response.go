package invoke

import (
	"bytes"
	"encoding/json"
)

// jsonSpace is the white space of JSON; Unicode has more.
const jsonSpace = " \t\r\n"

// ParseResponse parses a function's answer. Call it only if the mapping reports item failures or has tumbling windows:
// otherwise a function may answer anything.
//
// FailedItems is empty for the answers that AWS treats as a success: nothing at all, "", [], null, {}, and an object
// whose batchItemFailures is missing, null or []. An item whose itemIdentifier is missing or not a string becomes "",
// which is in no batch, so that the whole batch counts as failed. The same holds for an answer that is not JSON or has
// another shape (AWS's reaction to those is not on record: a retry loses nothing). Keys are case sensitive, as on AWS.
//
// State is the member of that name, copied, if it is an object; else nil.
func ParseResponse(payload []byte) Response {
	payload = bytes.Trim(payload, jsonSpace)
	switch string(payload) {
	case "", `""`, "null":
		return Response{}
	}
	if payload[0] == '[' {
		return parseList(payload)
	}
	var answer map[string]json.RawMessage
	if json.Unmarshal(payload, &answer) != nil {
		return Response{FailedItems: completeFailure()}
	}
	return Response{FailedItems: parseItems(answer["batchItemFailures"]), State: parseState(answer["state"])}
}

// completeFailure is a list of items that names no record of any batch.
func completeFailure() []string { return []string{""} }

// parseList parses an answer that is a list, which must be empty.
func parseList(payload []byte) Response {
	var list []json.RawMessage
	if json.Unmarshal(payload, &list) == nil && len(list) == 0 {
		return Response{}
	}
	return Response{FailedItems: completeFailure()}
}

// parseItems parses batchItemFailures.
func parseItems(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return completeFailure()
	}
	var items []string
	for _, item := range list {
		items = append(items, parseItem(item))
	}
	return items
}

// parseItem parses one member of batchItemFailures: its identifier, or "" if that is not a string.
func parseItem(raw json.RawMessage) string {
	var item map[string]json.RawMessage
	var id string
	if json.Unmarshal(raw, &item) != nil || json.Unmarshal(item["itemIdentifier"], &id) != nil {
		return ""
	}
	return id
}

// parseState copies an object, so that the state does not keep the answer alive.
func parseState(raw json.RawMessage) []byte {
	if !isObject(raw) {
		return nil
	}
	return bytes.Clone(raw)
}

// isObject reports whether raw is a JSON object.
func isObject(raw []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(raw, jsonSpace), []byte("{")) && json.Valid(raw)
}
