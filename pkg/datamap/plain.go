package datamap

import (
	"fmt"
	"strings"
	"time"
)

// Plain says a key of Fideslang's taxonomy in words for the person whose data it is (GDPR Art. 12(1)): a data use or a data
// category. A key that has no words of its own has those of what it is a kind of; one that is not Fideslang's has none.
func Plain(key string) string {
	for k := key; k != ""; {
		if w, ok := plain[k]; ok {
			return w
		}
		i := strings.LastIndexByte(k, '.')
		if i < 0 {
			return ""
		}
		k = k[:i]
	}
	return ""
}

// Words says the period for people: "1 year 6 months".
func (p Period) Words() string {
	var parts []string
	for _, u := range []struct {
		n    int
		unit string
	}{
		{p.Years, "year"},
		{p.Months, "month"},
		{p.Days, "day"},
		{int(p.Clock / time.Hour), "hour"},
		{int(p.Clock % time.Hour / time.Minute), "minute"},
		{int(p.Clock % time.Minute / time.Second), "second"},
	} {
		switch {
		case u.n == 1:
			parts = append(parts, "1 "+u.unit)
		case u.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", u.n, u.unit))
		}
	}
	if len(parts) == 0 {
		return "not at all"
	}
	return strings.Join(parts, " ")
}

// plain has the uses first, then the categories.
var plain = map[string]string{
	"analytics":                            "to understand how the service is used",
	"analytics.reporting":                  "to report on how the service is used",
	"analytics.reporting.ad_performance":   "to measure how advertising works",
	"collect":                              "to collect it",
	"employment":                           "to employ you",
	"employment.recruitment":               "to decide on your application for a job",
	"essential":                            "to run the service that you use",
	"essential.fraud_detection":            "to detect fraud",
	"essential.legal_obligation":           "to do what a law demands",
	"essential.service":                    "to provide what you asked for or ordered",
	"essential.service.authentication":     "to know that it is you who signs in",
	"essential.service.notifications":      "to tell you about what you asked for or ordered",
	"essential.service.operations":         "to keep the service running",
	"essential.service.operations.support": "to help you when you ask for help",
	"essential.service.payment_processing": "to take and make payments",
	"essential.service.security":           "to keep the service secure",
	"finance":                              "for accounting and finance",
	"functional":                           "for functions of the service that you chose to use",
	"functional.service.improve":           "to improve the service",
	"functional.storage":                   "to store something on your device",
	"marketing":                            "to advertise",
	"marketing.advertising":                "to show advertising",
	"marketing.advertising.profiling":      "to make a profile of you for advertising",
	"marketing.advertising.third_party":    "to show advertising of others",
	"marketing.communications":             "to send you advertising",
	"operations":                           "to run the company",
	"personalize":                          "to fit the service to you",
	"personalize.content":                  "to choose what you see",
	"personalize.content.profiling":        "to make a profile of you, for what you see",
	"sales":                                "to sell",
	"third_party_sharing":                  "to pass it on to others",
	"third_party_sharing.legal_obligation": "to pass it on where a law demands it",
	"train_ai_system":                      "to train an artificial intelligence",

	"system":                              "what the system needs to work",
	"system.authentication":               "what the system needs to let somebody in",
	"system.operations":                   "numbers and notes of the system itself",
	"user":                                "data about you of any kind",
	"user.account":                        "your account",
	"user.account.settings":               "the settings of your account",
	"user.account.username":               "your user name",
	"user.authorization":                  "what you sign in with",
	"user.authorization.password":         "your password",
	"user.authorization.credentials":      "your password",
	"user.behavior":                       "what you do here",
	"user.behavior.browsing_history":      "the pages that you looked at",
	"user.behavior.media_consumption":     "what you watch, hear and read",
	"user.behavior.purchase_history":      "what you bought",
	"user.behavior.search_history":        "what you searched for",
	"user.biometric":                      "measurements of your body",
	"user.biometric.fingerprint":          "your fingerprint",
	"user.biometric.voice":                "recordings of your voice",
	"user.childrens":                      "data of a child",
	"user.contact":                        "how to reach you",
	"user.contact.address":                "your address",
	"user.contact.address.city":           "the city in your address",
	"user.contact.address.country":        "the country in your address",
	"user.contact.address.postal_code":    "the postal code in your address",
	"user.contact.address.street":         "the street in your address",
	"user.contact.email":                  "your e-mail address",
	"user.contact.fax_number":             "your fax number",
	"user.contact.organization":           "the organisation that you belong to",
	"user.contact.phone_number":           "your phone number",
	"user.contact.url":                    "your website",
	"user.content":                        "what you wrote, said or uploaded",
	"user.content.private":                "what you wrote, said or uploaded, not in public",
	"user.content.public":                 "what you published",
	"user.content.self_image":             "pictures of you",
	"user.criminal_history":               "criminal convictions and offences",
	"user.demographic":                    "facts about you as a person",
	"user.demographic.age_range":          "your age, roughly",
	"user.demographic.date_of_birth":      "your date of birth",
	"user.demographic.gender":             "your gender",
	"user.demographic.language":           "your language",
	"user.demographic.marital_status":     "whether you are married",
	"user.demographic.political_opinion":  "your political opinion",
	"user.demographic.race_ethnicity":     "your ethnic origin",
	"user.demographic.religious_belief":   "your religious belief",
	"user.demographic.sexual_orientation": "your sexual orientation",
	"user.device":                         "your device",
	"user.device.cookie":                  "cookies on your device",
	"user.device.cookie_id":               "the number in a cookie on your device",
	"user.device.device_id":               "the number of your device",
	"user.device.ip_address":              "the internet address of your device",
	"user.financial":                      "your money matters",
	"user.financial.bank_account":         "your bank account",
	"user.financial.credit_card":          "your credit card",
	"user.government_id":                  "numbers that an authority gave you",
	"user.government_id.passport_number":  "the number of your passport",
	"user.health_and_medical":             "your health",
	"user.health_and_medical.genetic":     "your genes",
	"user.job_title":                      "your job",
	"user.location":                       "where you are or were",
	"user.location.imprecise":             "where you are or were, roughly",
	"user.location.precise":               "where you are or were, exactly",
	"user.name":                           "your name",
	"user.name.first":                     "your first name",
	"user.name.last":                      "your family name",
	"user.payment":                        "how you pay",
	"user.privacy_preferences":            "what you allowed and what you did not",
	"user.sensor":                         "what a sensor measured of you",
	"user.user_sensor":                    "what a sensor of yours measured",
	"user.social":                         "whom you know",
	"user.telemetry":                      "what your device reports about its use",
	"user.unique_id":                      "the number under which you are known",
	"user.unique_id.pseudonymous":         "a number under which you are known without your name",
	"user.workplace":                      "where you work",
}
