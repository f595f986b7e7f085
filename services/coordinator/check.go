package coordinator

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// candidate is one message of the intake on its way in.
type candidate struct {
	msg   kafka.Message
	trace string

	req     dsr.SubjectRequest
	id      lifecycle.ID
	kinds   []string
	refs    []lifecycle.Ref // sorted
	stored  []byte
	mac     []byte
	systems []string
	est     Establishment
	rule    dsr.Rule

	reject *dsr.Rejection // set: the message is not taken
}

// check does everything about a message that needs neither the database nor its clock.
func (c *Coordinator) check(msg kafka.Message, trace string) *candidate {
	k := &candidate{msg: msg, trace: trace}
	req, err := c.cfg.Codec.DecodeSubjectRequest(msg.Value)
	if err != nil {
		k.req = req // what could be read of it says whose request it was
		k.rejectf(whyUnread(req, err), "%s", event.At(msg.Topic, msg.Partition, msg.Offset, err).Error())
		return k
	}
	k.req = req
	if id, err := dsr.ParseRequestID(string(req.RequestID)); err != nil {
		k.req.RequestID = ""
		k.rejectf(dsr.ReasonRequestID, "%v", err)
	} else {
		k.req.RequestID = id
		c.checkFields(k)
		if k.reject == nil {
			c.checkIdentifiers(k)
		}
	}
	return k
}

// whyUnread is the reason of a message that could not be decoded. Where a single field is wrong, the others were read.
func whyUnread(req dsr.SubjectRequest, err error) string {
	var unknown *event.UnknownSchemaError
	var bad *event.MalformedError
	switch {
	case errors.As(err, &unknown):
		return dsr.ReasonUnknownSchema
	case req.Kind == "" || !errors.As(err, &bad):
		return dsr.ReasonUndecodable
	case bad.Field == "request_id":
		return dsr.ReasonRequestID
	}
	return dsr.ReasonField
}

func (c *Coordinator) checkFields(k *candidate) {
	r := &k.req
	k.id = lifecycle.ID{Tenant: r.Tenant, RequestID: r.RequestID}
	if err := checkText(r); err != nil {
		k.rejectf(dsr.ReasonField, "%v", err)
		return
	}
	if !r.Kind.Valid() {
		k.rejectf(dsr.ReasonKind, "kind is not erasure, portability or access")
		return
	}
	var ok bool
	if k.rule, ok = dsr.RuleFor(r.Regulation); !ok {
		k.rejectf(dsr.ReasonRegulation, "no rule is known for the regulation named")
		return
	}
	if r.Regulation == "" {
		r.Regulation = dsr.GDPR
	}
	if r.Establishment == "" {
		r.Establishment = c.cfg.Default
	}
	if k.est, ok = c.cfg.Establishment[r.Establishment]; !ok {
		k.rejectf(dsr.ReasonEstablishment, "the establishment named is not configured")
		return
	}
	if r.ReceivedAt.IsZero() {
		k.rejectf(dsr.ReasonReceivedAt, "received_at is missing")
		return
	}
	if d := r.Decision; d != nil && d.Decision != dsr.Granted && d.Decision != dsr.GrantedInPart && d.Decision != dsr.Refused {
		k.rejectf(dsr.ReasonField, "decision is not granted, in_part or refused")
		return
	}
	var scope []string
	if r.Scope != nil {
		scope = r.Scope.Systems
	}
	systems, err := c.view.freeze(r.Capacity, scope)
	if err != nil {
		reason := dsr.ReasonScope
		if errors.Is(err, datamap.ErrUnknownCapacity) {
			reason = dsr.ReasonCapacity
		}
		k.rejectf(reason, "%v", err)
		return
	}
	k.systems = systems
}

// checkText refuses what a database or a page could not hold, in every free field, before it can fail a batch.
func checkText(r *dsr.SubjectRequest) error {
	fields := map[string]string{
		"tenant": r.Tenant, "regulation": r.Regulation, "establishment": r.Establishment, "capacity": r.Capacity, "channel": r.Channel,
		"source": r.Source, "instruction_ref": r.InstructionRef, "instance": r.Instance, "corrects": string(r.Corrects), "parent_request_id": string(r.ParentRequestID),
	}
	add := func(name string, g *dsr.Ground) {
		if g != nil {
			fields[name+".article"], fields[name+".law"], fields[name+".note"] = g.Article, g.Law, g.Note
		}
	}
	add("ground", r.Ground)
	if q := r.Requester; q != nil {
		fields["requester.role"], fields["requester.authority_ref"], fields["requester.checked_by"] = q.Role, q.AuthorityRef, q.CheckedBy
	}
	if i := r.Identity; i != nil {
		fields["identity.method"] = i.Method
	}
	if d := r.Decision; d != nil {
		fields["decision.by_role"] = d.ByRole
		for n := range d.Grounds {
			add(fmt.Sprintf("decision.grounds[%d]", n), &d.Grounds[n])
		}
	}
	if d := r.Delivery; d != nil {
		fields["delivery.channel"], fields["delivery.format"] = d.Channel, d.Format
	}
	if s := r.Scope; s != nil {
		if len(s.Systems)+len(s.Categories) > maxScope {
			return fmt.Errorf("scope names %d systems and categories, at most %d are accepted", len(s.Systems)+len(s.Categories), maxScope)
		}
		for n, v := range s.Systems {
			fields[fmt.Sprintf("scope.systems[%d]", n)] = v
		}
		for n, v := range s.Categories {
			fields[fmt.Sprintf("scope.categories[%d]", n)] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		v := fields[name]
		switch {
		case len(v) > maxText:
			return fmt.Errorf("%s is %d bytes long, at most %d are accepted", name, len(v), maxText)
		case !utf8.ValidString(v):
			return fmt.Errorf("%s is not valid UTF-8", name)
		case strings.IndexByte(v, 0) >= 0:
			return fmt.Errorf("%s holds a NUL byte", name)
		}
	}
	for name, id := range map[string]*dsr.RequestID{"corrects": &r.Corrects, "parent_request_id": &r.ParentRequestID} {
		if *id == "" {
			continue
		}
		parsed, err := dsr.ParseRequestID(string(*id))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*id = parsed
	}
	return nil
}

const (
	maxText  = 1024
	maxScope = 1000
)

func (c *Coordinator) checkIdentifiers(k *candidate) {
	r := &k.req
	ids := r.Identifiers
	switch {
	case len(ids) > 0 && !c.cfg.AllowClear:
		k.rejectf(dsr.ReasonClear, "identifiers in clear are not accepted here: seal them to the coordinator's public key (`lethe keys public`)")
		return
	case len(ids) > 0 && len(r.SealedIdentifiers) > 0:
		k.rejectf(dsr.ReasonIdentifiers, "identifiers come sealed and in clear: send one")
		return
	case len(r.SealedIdentifiers) > 0:
		plain, err := c.cfg.Keys.Intake.Open(r.RequestID, r.SealedIdentifiers)
		if err != nil {
			k.rejectf(dsr.ReasonIdentifiers, "open sealed identifiers: %v", err)
			return
		}
		if ids, err = c.cfg.Codec.DecodeIdentifiers(plain); err != nil {
			k.rejectf(dsr.ReasonIdentifiers, "decode sealed identifiers: %v", err)
			return
		}
	}
	if len(ids) == 0 {
		k.rejectf(dsr.ReasonIdentifiers, "no identifier is given, so nobody can be found")
		return
	}
	if len(ids) > c.cfg.MaxIdentifier {
		k.rejectf(dsr.ReasonTooManyIdentity, "%d identifiers are given, at most %d are accepted", len(ids), c.cfg.MaxIdentifier)
		return
	}
	ids, refs, err := c.vault.refs(ids)
	if err != nil {
		k.rejectf(dsr.ReasonIdentifiers, "%v", err)
		return
	}
	k.mac = c.contentMAC(r, ids)
	for _, i := range ids {
		if !slices.Contains(k.kinds, i.Kind) {
			k.kinds = append(k.kinds, i.Kind)
		}
	}
	slices.Sort(k.kinds)
	if !slices.ContainsFunc(k.kinds, func(kind string) bool { return c.view.kinds[kind] }) {
		k.rejectf(dsr.ReasonIdentifiers, "no system of the data map finds anybody by the kinds of identifier given; known kinds: %s", strings.Join(slices.Sorted(maps.Keys(c.view.kinds)), ", "))
		return
	}
	k.refs = slices.Clone(refs)
	slices.Sort(k.refs)
	if k.stored, err = c.vault.store(k.id, ids); err != nil {
		k.rejectf(dsr.ReasonIdentifiers, "seal identifiers for rest: %v", err)
		return
	}
	r.SealedIdentifiers, r.Identifiers, r.Signature = nil, nil, nil
}

// contentMAC is equal for two messages that ask the same: sealed bytes differ on an honest retry, so it goes over what they hold.
func (c *Coordinator) contentMAC(r *dsr.SubjectRequest, ids []dsr.Identifier) []byte {
	parts := [][]byte{[]byte(r.Kind), []byte(r.Regulation), []byte(r.Capacity)}
	if !r.Scope.Empty() {
		s := slices.Sorted(slices.Values(r.Scope.Systems))
		g := slices.Sorted(slices.Values(r.Scope.Categories))
		parts = append(parts, []byte(strings.Join(s, "\x00")), []byte(strings.Join(g, "\x00")))
	}
	sorted := make([]string, len(ids))
	for n, i := range ids {
		sorted[n] = string(i.PRFInput())
	}
	slices.Sort(sorted)
	for _, s := range sorted {
		parts = append(parts, []byte(s))
	}
	return c.cfg.Keys.Subjects.Derive("request content", parts...)
}

// checkTime holds received_at against the database's clock.
func (c *Coordinator) checkTime(k *candidate, now time.Time) {
	switch at := k.req.ReceivedAt; {
	case at.After(now.Add(maxSkew)):
		k.rejectf(dsr.ReasonReceivedAt, "received_at lies %s in the future, at most %s are accepted", at.Sub(now).Round(time.Second), maxSkew)
	case at.Before(now.Add(-c.cfg.ReceivedFloor)):
		k.rejectf(dsr.ReasonReceivedAt, "received_at lies before the floor of %s", now.Add(-c.cfg.ReceivedFloor).UTC().Format(time.DateOnly))
	}
}

const maxSkew = 5 * time.Minute

// rejectf marks the message as not taken. The text may name fields, limits and places, never a value.
func (k *candidate) rejectf(reason, format string, args ...any) {
	sum := sha256.Sum256(k.msg.Value)
	k.reject = &dsr.Rejection{
		RequestID: k.req.RequestID, Tenant: k.req.Tenant, Kind: k.req.Kind, Reason: reason, Message: fmt.Sprintf(format, args...),
		Topic: k.msg.Topic, Partition: int32(k.msg.Partition), Offset: k.msg.Offset, SHA256: sum[:],
		ReceivedAt: k.req.ReceivedAt,
	}
	if !k.req.Kind.Valid() {
		k.reject.Kind = ""
	}
	if !utf8.ValidString(k.req.Tenant) || strings.IndexByte(k.req.Tenant, 0) >= 0 || len(k.req.Tenant) > maxText {
		k.reject.Tenant = ""
	}
}
