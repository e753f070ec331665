package lambdaapi

func (h *handler) listTags(r *request) (any, error) {
	tags, err := h.operations.ListTags(r.Context(), r.target)
	if err != nil {
		return nil, err
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return struct{ Tags map[string]string }{tags}, nil
}

func (h *handler) tagResource(r *request) (any, error) {
	tags, err := decodeTags(r.body)
	if err != nil {
		return nil, err
	}
	return nil, h.operations.TagResource(r.Context(), r.target, tags)
}

// untagResource reads the keys in the form of the SDKs: ?tagKeys=a&tagKeys=b.
func (h *handler) untagResource(r *request) (any, error) {
	query, err := r.query()
	if err != nil {
		return nil, err
	}
	return nil, h.operations.UntagResource(r.Context(), r.target, query["tagKeys"])
}
