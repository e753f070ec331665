package filter

// walk is one pass over the text of an event. It validates all of it, descends along the tree of a machine, and marks
// the conditions that hold at the leaves on its way. It lives on the stack of its caller.
type walk struct {
	elem   int32 // the innermost array element around the current place, or 0
	within bool  // a mark was set within an array element

	heads   spill[int32]     // for each slot of the machine, the place of its latest mark
	marks   spill[mark]      // all marks; none is at 0
	elems   spill[arrayElem] // all elements; none is at 0
	scratch [256]byte        // for decoded strings, unless they are longer
}

func (w *walk) begin(m *machine) {
	w.heads.grow(m.slots)
	w.marks.push(mark{})
	w.elems.push(arrayElem{})
}

// mark says that a condition holds at a leaf. Marks of one slot are chained, the latest first. Some links are long, such
// that any mark of a chain is reached in a number of steps that is the logarithm of its length.
type mark struct {
	elem  int32 // the innermost array element around the leaf, or 0
	next  int32 // the slot's mark before this one, or 0
	far   int32 // a mark before that, or the same
	depth int32 // the length of the chain behind this mark
}

// arrayElem is an element of an array of an event, an object or an array itself. Two leaves belong together only if no
// array has them in different elements. Elements are numbered in the order of the text.
type arrayElem struct {
	parent int32 // the array element around the array, or 0
	array  int32 // the array's first element, which stands for the array
	end    int32 // the number behind all elements within this one
	node   *node // the field that the array is the value of
}

// document walks a text that must be one JSON value, and reports whether it is.
func (w *walk) document(b []byte, n *node) bool {
	i := skipSpace(b, 0)
	if i = w.value(n, b, i, 0); i == invalid {
		return false
	}
	return skipSpace(b, i) == len(b)
}

// value walks what stands behind a key that leads to n.
func (w *walk) value(n *node, b []byte, i, depth int) int {
	if i >= len(b) {
		return invalid
	}
	switch b[i] {
	case '{':
		if len(n.children) == 0 {
			return skipObject(b, i+1, depth+1)
		}
		return w.object(n, b, i+1, depth+1)
	case '[':
		return w.array(n, b, i+1, depth+1)
	case '"':
		return w.string(n, b, i+1)
	case 't':
		return w.literal(n, b, i, "true", aTrue)
	case 'f':
		return w.literal(n, b, i, "false", aFalse)
	case 'n':
		return w.literal(n, b, i, "null", aNull)
	}
	return w.number(n, b, i)
}

func (w *walk) object(n *node, b []byte, i, depth int) int {
	i = skipSpace(b, i)
	if i >= len(b) || depth > maxDepth {
		return invalid
	}
	if b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return invalid
		}
		end, escaped := scanString(b, i+1)
		if end == invalid {
			return invalid
		}
		key := b[i+1 : end]
		if escaped {
			key = unescape(w.scratch[:0], key)
		}
		field := n.find(key)
		if i = scanColon(b, end+1); i == invalid {
			return invalid
		}
		if field == nil {
			i = skipValue(b, i, depth)
		} else {
			i = w.value(field, b, i, depth)
		}
		if i == invalid {
			return invalid
		}
		var more bool
		if i, more = scanMore(b, i, '}'); !more {
			return i
		}
	}
}

// array walks the elements of an array. Patterns do not see the array: its elements count as values of the field that
// the array is the value of.
func (w *walk) array(n *node, b []byte, i, depth int) int {
	i = skipSpace(b, i)
	if i >= len(b) || depth > maxDepth {
		return invalid
	}
	if b[i] == ']' {
		return i + 1
	}
	first := int32(0)
	for {
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			i, first = w.element(n, first, b, i, depth)
		} else {
			i = w.value(n, b, i, depth)
		}
		if i == invalid {
			return invalid
		}
		var more bool
		if i, more = scanMore(b, i, ']'); !more {
			return i
		}
	}
}

// element walks one element of an array, a container. It is remembered if there are marks in it. The first element of
// the array that is, or 0, comes in and goes out.
func (w *walk) element(n *node, first int32, b []byte, i, depth int) (next int, array int32) {
	outer, marks, id := w.elem, w.marks.n, int32(w.elems.n)
	if array = first; first == 0 {
		array = id
	}
	w.elems.push(arrayElem{parent: outer, array: array, node: n})
	w.elem = id
	next = w.value(n, b, i, depth)
	w.elem = outer
	if w.marks.n == marks {
		w.elems.cut(int(id))
		return next, first
	}
	w.elems.at(int(id)).end = int32(w.elems.n)
	return next, array
}

func (w *walk) string(n *node, b []byte, i int) int {
	end, escaped := scanString(b, i)
	if end == invalid {
		return invalid
	}
	if len(n.conditions) > 0 {
		v := value{kind: aString, text: b[i:end]}
		if escaped {
			v.text = unescape(w.scratch[:0], v.text)
		}
		w.leaf(n, &v)
	}
	return end + 1
}

func (w *walk) number(n *node, b []byte, i int) int {
	end := scanNumber(b, i)
	if end != invalid {
		w.numberLeaf(n, b[i:end])
	}
	return end
}

func (w *walk) literal(n *node, b []byte, i int, text string, k kind) int {
	end := scanLiteral(b, i, text)
	if end != invalid {
		w.leaf(n, &value{kind: k})
	}
	return end
}

func (w *walk) numberLeaf(n *node, text []byte) {
	v := value{kind: aNumber}
	if n.numbers {
		v.number = parseNumber(text)
	}
	w.leaf(n, &v)
}

// leaf tries the conditions of a field on one of its leaves.
func (w *walk) leaf(n *node, v *value) {
	for _, c := range n.conditions {
		if c.presence != 0 {
			w.mark(c.presence)
		}
		if !w.marked(c.hit) && anyMatches(c.tests, v) {
			w.mark(c.hit)
		}
	}
}

// marked reports whether the slot's latest mark is for the same array element. Another one would say nothing new.
func (w *walk) marked(slot int) bool {
	head := *w.heads.at(slot)
	return head != 0 && w.marks.at(int(head)).elem == w.elem
}

func (w *walk) mark(slot int) {
	if w.marked(slot) {
		return
	}
	head := w.heads.at(slot)
	last := w.marks.at(int(*head))
	m := mark{elem: w.elem, next: *head, far: *head, depth: last.depth + 1}
	// The lengths of long links are those of a skew binary number system.
	if far := w.marks.at(int(last.far)); last.depth-far.depth == far.depth-w.marks.at(int(far.far)).depth {
		m.far = far.far
	}
	w.within = w.within || w.elem != 0
	w.marks.push(m)
	*head = int32(w.marks.n - 1)
}

// holds reports whether all conditions of an alternative hold, together.
func (w *walk) holds(all *conjunction) bool {
	for _, c := range all.conditions {
		hit := *w.heads.at(c.hit) != 0
		if !hit && (!c.absent || *w.heads.at(c.presence) != 0 && !w.within) {
			return false
		}
	}
	if !w.within {
		return true
	}
	s := search{conditions: all.conditions}
	return s.from(w, 0)
}
