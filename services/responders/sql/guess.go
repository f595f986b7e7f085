package sql

import (
	"slices"
	"strings"
	"unicode"
)

// guess is what a column may hold, and why one thinks so. It never says what a value is.
type guess struct{ category, why string }

const fromName = "from the name"

func personalCategory(c string) bool { return c == "user" || strings.HasPrefix(c, "user.") }

// nameRule guesses a category from words in a column's name. The first rule that matches counts.
type nameRule struct {
	category string
	words    string // alternatives; each one or several words of the name in a row, joined by _
	in       place  // where the name alone says too little
	textOnly bool   // the same word in another type is about the value, not the value (email_verified_at)
}

// place is the kind of table that a column stands in.
type place int

const (
	anywhere  place = iota
	ofPerson        // of people: a row is somebody
	ofAddress       // with other parts of an address, or of people
	reached         // rows of it hang on people's
)

// nameRules are in English with some German, French and Spanish words.
var nameRules = []nameRule{
	{"user.device.ip_address", "ip ipaddr ip_addr ip_address ipaddress ipv4 ipv6 remote_addr remote_address client_ip", anywhere, true},
	{"user.device.device_id", "device_id device_uuid imei idfa gaid mac_address mac_addr serial_number push_token", anywhere, true},
	{"user.device.cookie_id", "cookie cookie_id session_id sessionid session_key visitor_id", anywhere, true},
	{"user.device", "user_agent useragent browser device", anywhere, true},
	{"user.contact.email", "email e_mail mail emailaddress mailaddress courriel correo", anywhere, true},
	{"user.contact.fax_number", "fax faxnumber telefax", anywhere, true},
	{"user.contact.phone_number", "phone phonenumber telephone tel mobile cell cellphone msisdn telefon handy telefono", anywhere, true},
	{"user.name.first", "first_name firstname fname given_name givenname forename vorname prenom nombre", anywhere, true},
	{"user.name.last", "last_name lastname lname surname family_name familyname nachname apellido apellidos", anywhere, true},
	{"user.account.username", "username user_name login login_name handle screen_name screenname nickname nick_name", anywhere, true},
	{"user.authorization.password", "password passwd pwd passphrase password_hash passwort", anywhere, false},
	{"user.authorization.credentials", "api_key apikey access_token refresh_token auth_token secret otp totp", anywhere, true},
	{"user.name", "full_name fullname display_name displayname middle_name middlename maiden_name contact_name holder cardholder recipient_name recipient salutation", anywhere, true},
	{"user.government_id.passport_number", "passport passport_no passport_number", anywhere, true},
	{"user.government_id.drivers_license_number", "drivers_license driving_license driver_license license_number", anywhere, true},
	{"user.government_id.vehicle_registration", "license_plate number_plate vehicle_registration", anywhere, true},
	{"user.government_id.national_identification_number", "ssn social_security national_id nationalid personal_number tax_id taxid vat_id nif dni", anywhere, true},
	{"user.financial.bank_account", "iban bic bank_account account_number sort_code routing_number kontonummer", anywhere, true},
	{"user.financial.credit_card", "credit_card creditcard card_number cardnumber card_no cc_number pan cvv cvc card_expiry", anywhere, false},
	{"user.demographic.date_of_birth", "birth_date birthdate date_of_birth dob birthday born geburtsdatum", anywhere, false},
	{"user.demographic.gender", "gender sex geschlecht", anywhere, false},
	{"user.demographic.marital_status", "marital_status civil_status", anywhere, false},
	{"user.demographic.religious_belief", "religion denomination", anywhere, false},
	{"user.demographic.race_ethnicity", "ethnicity race", ofPerson, false},
	{"user.demographic", "nationality citizenship", anywhere, false},
	{"user.demographic.age_range", "age age_range age_group", ofPerson, false},
	{"user.demographic.language", "language locale lang", ofPerson, false},
	{"user.health_and_medical", "diagnosis blood_type allergies allergy medication disability", anywhere, false},
	{"user.workplace", "hire_date hired hired_at hired_on salary wage department", ofPerson, false},
	{"user.job_title", "job_title jobtitle occupation profession", anywhere, true},
	{"user.job_title", "title position", ofPerson, true},
	{"user.contact.organization", "company company_name organization organisation employer", ofPerson, true},
	{"user.location.precise", "latitude longitude lat lng lon geo geolocation coordinates gps", reached, false},
	{"user.contact.address.postal_code", "postal_code postalcode postcode zip zip_code zipcode plz codigo_postal", anywhere, false},
	{"user.contact.address.city", "city town ort stadt ville ciudad", ofAddress, true},
	{"user.contact.address.street", "address address1 address2 addr street street1 street2 line1 line2 address_line strasse rue calle ship_to bill_to deliver_to", anywhere, true},
	{"user.contact.address.state", "state province region district county", ofAddress, true},
	{"user.contact.address.country", "country country_code land pais", ofAddress, true},
	{"user.content.self_image", "photo picture avatar portrait selfie", ofPerson, false},
	{"user.contact.url", "website homepage url web_site", ofPerson, true},
	{"user.privacy_preferences", "newsletter consent opt_in optin opt_out optout marketing subscribed preferences", reached, false},
	{"user.content.private", "body message comment comments note notes content review feedback bio about transcript question answer remark remarks", reached, true},
	{"user.name", "name", ofPerson, true},
}

// people and trade are words of a table's name, in the singular.
var (
	people = strings.Fields("customer client user member person employee staff staffer worker account contact patient student teacher guest subscriber lead visitor " +
		"passenger tenant applicant candidate donor volunteer author seller buyer driver participant attendee player profile kunde mitarbeiter")
	trade = strings.Fields("order invoice purchase payment item line cart basket sale transaction rental booking reservation ticket receipt bill billing refund shipment delivery subscription charge")
)

// tokens takes a name apart: order_items, orderItems and OrderItems alike.
func tokens(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
			word = nil
		}
	}
	rs := []rune(name)
	for i, r := range rs {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rs[i-1]) || unicode.IsUpper(rs[i-1]) && i+1 < len(rs) && unicode.IsLower(rs[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return out
}

// singular is good enough for the names of tables.
func singular(word string) string {
	switch {
	case word == "people":
		return "person"
	case strings.HasSuffix(word, "ies") && len(word) > 4:
		return strings.TrimSuffix(word, "ies") + "y"
	case strings.HasSuffix(word, "ses") || strings.HasSuffix(word, "xes"):
		return strings.TrimSuffix(word, "es")
	case strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && len(word) > 3:
		return strings.TrimSuffix(word, "s")
	}
	return word
}

// has reports whether one of the alternatives stands in the name.
func has(name []string, alternatives string) bool {
	joined := "_" + strings.Join(name, "_") + "_"
	for a := range strings.FieldsSeq(alternatives) {
		if strings.Contains(joined, "_"+a+"_") {
			return true
		}
	}
	return false
}

func about(t *table, words []string) bool {
	ts := tokens(t.name)
	return len(ts) > 0 && slices.Contains(words, singular(ts[len(ts)-1]))
}

// traits are what the rules ask of a table.
type traits struct{ person, trade, address, reached bool }

func traitsOf(t *table) traits {
	tr := traits{trade: slices.ContainsFunc(tokens(t.name), func(w string) bool { return slices.Contains(trade, singular(w)) })}
	named := func(words string) bool {
		return slices.ContainsFunc(t.columns, func(c *column) bool { return c.class == text && has(tokens(c.name), words) })
	}
	tr.address = named("address address1 street zip zip_code postal_code postalcode postcode plz")
	tr.person = isPerson(t)
	tr.reached = tr.person
	return tr
}

// isPerson guesses whether a row of the table is somebody: there is an identifier of theirs, and something else of a person.
func isPerson(t *table) bool {
	score := 0
	add := func(n int, words string) {
		if slices.ContainsFunc(t.columns, func(c *column) bool { return c.class == text && has(tokens(c.name), words) }) {
			score += n
		}
	}
	if about(t, people) {
		score += 2
	}
	for _, c := range t.columns {
		switch strings.Join(tokens(c.name), "_") { // of the row itself, not of a bill
		case "email", "e_mail", "mail", "email_address", "username", "user_name", "login":
			score++
		case "first_name", "firstname", "last_name", "lastname", "surname", "given_name", "family_name", "full_name":
			score++
		}
	}
	add(1, "password passwd password_hash")
	return score >= 3 && mayIdentify(t) || score >= 2 && identity(t) != nil
}

// mayIdentify reports whether the table has a key by which its rows are named.
func mayIdentify(t *table) bool { return len(t.primaryKey) > 0 && identity(t) != nil }

// identity is the column of the e-mail address, nil where there is none.
func identity(t *table) *column {
	for _, c := range t.columns {
		if c.class == text && slices.Contains([]string{"email", "e_mail", "mail", "email_address", "emailaddress"}, strings.Join(tokens(c.name), "_")) {
			return c
		}
	}
	return nil
}

// guessName guesses from names alone.
func guessName(t *table, c *column) (guess, bool) { return guessIn(traitsOf(t), c) }

func guessIn(tr traits, c *column) (guess, bool) {
	name := tokens(c.name)
	for _, r := range nameRules {
		fits := r.in == anywhere || r.in == ofPerson && tr.person || r.in == ofAddress && (tr.address || tr.person || tr.reached) || r.in == reached && tr.reached
		if fits && (!r.textOnly || c.class == text || c.class == other) && has(name, r.words) && !temporalText(r, c) {
			return guess{r.category, fromName}, true
		}
	}
	return guess{}, false
}

// temporalText is true for an instant under a name of text: email_sent_at.
func temporalText(r nameRule, c *column) bool { return r.textOnly && temporal(c) }

// guessedPersonal lists the columns of a table that look like personal data.
func guessedPersonal(t *table) string {
	var out []string
	for _, c := range t.columns {
		if g, ok := guessName(t, c); ok && personalCategory(g.category) {
			out = append(out, c.name+" ("+g.category+")")
		}
	}
	return strings.Join(out, ", ")
}
