package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// ListTags returns the tags of a mapping, by its ARN.
func (r *Registry) ListTags(ctx context.Context, arn string) (map[string]string, error) {
	var c constraints
	c.resource(arn)
	if err := c.error(); err != nil {
		return nil, err
	}
	s, err := r.view.refresh(ctx, time.Now(), false)
	if err != nil {
		return nil, failed(err)
	}
	d, err := s.tagged(arn)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	maps.Copy(tags, d.Tags)
	return tags, nil
}

// TagResource adds tags to a mapping, and replaces the values of those that it has. There must be a tag.
func (r *Registry) TagResource(ctx context.Context, arn string, tags map[string]string) error {
	var c constraints
	c.resource(arn)
	if tags == nil {
		c.null("tags")
	}
	c.tags(tags)
	if err := c.error(); err != nil {
		return err
	}
	if len(tags) == 0 {
		return invalid("An error occurred and the request cannot be processed.")
	}
	return r.retag(ctx, arn, func(t map[string]string) { maps.Copy(t, tags) })
}

// UntagResource removes tags from a mapping, by their keys. Keys that it does not have are ignored. There must be a key.
func (r *Registry) UntagResource(ctx context.Context, arn string, keys []string) error {
	var c constraints
	c.resource(arn)
	c.tagKeys(keys)
	if err := c.error(); err != nil {
		return err
	}
	return r.retag(ctx, arn, func(t map[string]string) {
		maps.DeleteFunc(t, func(key, _ string) bool { return slices.Contains(keys, key) })
	})
}

func (r *Registry) retag(ctx context.Context, arn string, do func(map[string]string)) error {
	s, err := r.view.refresh(ctx, time.Now(), false)
	if err != nil {
		return failed(err)
	}
	d, err := s.tagged(arn)
	if err != nil {
		return err
	}
	_, err = r.change(ctx, d.UUID, func(_ context.Context, d *definition) (definition, error) {
		n := d.clone()
		if n.Tags == nil {
			n.Tags = map[string]string{}
		}
		do(n.Tags)
		if err := checkTags(n.Tags); err != nil {
			return n, err
		}
		return n, n.fits()
	})
	return err
}

// tagged returns the mapping of an ARN, in the words of the operations on tags. Functions have no tags here.
func (s *snapshot) tagged(arn string) (*stored, error) {
	d, err := s.definition(arn[strings.LastIndexByte(arn, ':')+1:])
	if e, ok := errors.AsType[*Error](err); ok && e.Code != CodeResourceNotFound {
		return nil, err
	}
	if err == nil && d.arn() == arn {
		return d, nil
	}
	e := notFound()
	e.Message = "Event source mapping not found: " + arn
	if strings.Contains(arn, ":function:") {
		e.Message = "Function not found: " + arn
	}
	return nil, e
}
