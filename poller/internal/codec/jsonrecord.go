package codec

// record takes one record.
func (d *jsonDecoder) record(i int) bool {
	if at(d.b, i) != '{' {
		return false
	}
	var r parts
	var seen uint8
	for {
		var member uint8
		member, i = d.recordMember(&r, skip(d.b, i+1))
		if i < 0 || seen&member != 0 {
			return false
		}
		seen |= member
		i = skip(d.b, i)
		switch at(d.b, i) {
		case ',':
		case '}':
			return seen&sawRecord == sawRecord && d.take(&r, i+1) && d.passed(i+1, behindRecord)
		default:
			return false
		}
	}
}

// recordMember takes the member of a record at i, and returns which one it is.
func (d *jsonDecoder) recordMember(r *parts, i int) (uint8, int) {
	b := d.b
	switch at(b, i+1) {
	case 'S':
		if has(b, i, `"SequenceNumber":`) {
			r.sequence, i = text(b, skip(b, i+len(`"SequenceNumber":`)))
			return sawSequence, i
		}
	case 'A':
		if has(b, i, `"ApproximateArrivalTimestamp":`) {
			r.arrival, i = timestamp(b, skip(b, i+len(`"ApproximateArrivalTimestamp":`)))
			return sawArrival, i
		}
	case 'D':
		if has(b, i, `"Data":`) {
			r.data, i = quoted(b, skip(b, i+len(`"Data":`)))
			return sawData, i
		}
	case 'P':
		if has(b, i, `"PartitionKey":`) {
			r.key, i = text(b, skip(b, i+len(`"PartitionKey":`)))
			return sawKey, nonEmpty(r.key, i)
		}
	case 'E':
		if has(b, i, `"EncryptionType":`) {
			var name []byte
			name, i = text(b, skip(b, i+len(`"EncryptionType":`)))
			r.encryption = encryptionType(name)
			return sawEncryption, nonEmpty(name, i)
		}
	}
	return 0, -1
}

// nonEmpty refuses an empty string: our record cannot distinguish it from an absent one.
func nonEmpty(s []byte, i int) int {
	if len(s) == 0 {
		return -1
	}
	return i
}

// take copies a record out of the body, in which it ends at end.
func (d *jsonDecoder) take(r *parts, end int) bool {
	at := progress{done: end - d.first, left: max(d.end-end, 0)}
	n, ok := unbase64(d.blocks.room(decodedLen(len(r.data))+spare, at), r.data)
	if !ok || !isDecimal(r.sequence) {
		return false
	}
	d.add(r, d.blocks.keep(n), at)
	return true
}
