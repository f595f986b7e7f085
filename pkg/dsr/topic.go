package dsr

// Names of the topics, without the configurable prefix ("lethe." by default).
const (
	TopicRequests        = "subject-requests"
	TopicRejected        = "subject-requests.rejected"
	TopicResolution      = "subject-requests.resolution"
	TopicErasure         = "subject-requests.erasure"
	TopicPortability     = "subject-requests.portability"
	TopicAccess          = "subject-requests.access"
	TopicVerification    = "subject-requests.verification"
	TopicPackaging       = "subject-requests.packaging"
	TopicAcknowledgement = "acknowledgements"
	TopicStatus          = "request-status"
	TopicCompletions     = "completions"
	TopicDeadLetters     = "dead-letters"
)

// DefaultTopicPrefix stands before every topic name where the configuration says nothing else.
const DefaultTopicPrefix = "lethe."

// DispatchTopic is the topic, without prefix, on which a step of a request is dispatched.
func DispatchTopic(kind Kind, phase Phase) string {
	switch phase {
	case Resolve:
		return TopicResolution
	case Verify:
		return TopicVerification
	case Package:
		return TopicPackaging
	}
	switch kind {
	case Portability:
		return TopicPortability
	case Access:
		return TopicAccess
	}
	return TopicErasure
}
