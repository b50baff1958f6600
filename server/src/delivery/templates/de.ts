import type { LocaleTemplates } from './locale-templates.ts';

const UNTIL = 'Er gilt einmal, bis {time}.';
const NO_CHANGE = 'Wenn Sie ihn nicht angefordert haben, tun Sie nichts: Ohne den Code ändert sich nichts.';
const KNOWS_PASSWORD =
  'Wenn Sie das nicht waren, kennt jemand anderes Ihr Passwort: Geben Sie diesen Code niemandem und ändern Sie Ihr Passwort.';
const NOT_YOU =
  'Wenn Sie das nicht waren, kann jemand anderes in Ihr Konto gelangen: Setzen Sie sofort ein neues Passwort, sehen Sie Ihre Sitzungen und Geräte durch und sagen Sie es den Betreibern dieses Dienstes.';

/** German. */
export const de: LocaleTemplates = {
  dates: 'de',
  text: '{code} ist Ihr Code für {service}. Geben Sie ihn niemandem.',
  factors: {
    totp: 'eine Authenticator-App',
    email: 'der Versand von Codes per E-Mail',
    'recovery-codes': 'ein Satz Wiederherstellungscodes',
    passkey: 'ein Passkey',
  },
  unknownDevice: 'unbekannt',
  messages: {
    'sign-in-code': {
      subject: 'Ihr Anmeldecode',
      paragraphs: [
        'Das ist der Code für die Anmeldung, die gerade mit Ihrem Konto begonnen wurde:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'device-code': {
      subject: 'Bestätigen Sie Ihr neues Gerät',
      paragraphs: [
        'Jemand meldet sich bei Ihrem Konto von einem Gerät an, das wir noch nicht kennen. Wenn Sie das sind, bestätigt dieser Code das Gerät:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'address-code': {
      subject: 'Bestätigen Sie Ihre Adresse',
      paragraphs: [
        'Dieser Code zeigt, dass Nachrichten an diese Adresse Sie erreichen:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'sign-up-code': {
      subject: 'Schließen Sie die Registrierung ab',
      paragraphs: [
        'Dieser Code vervollständigt das Konto, das gerade mit dieser Adresse begonnen wurde:',
        '{code}',
        UNTIL,
        'Wenn Sie ihn nicht angefordert haben, tun Sie nichts: Ohne den Code entsteht kein Konto.',
      ],
    },
    'validation-code': {
      subject: 'Bestätigen Sie Ihr Konto',
      paragraphs: [
        'Dieser Code bestätigt Ihr Konto. Geben Sie ihn dort ein, wo Sie danach gefragt wurden, zusammen mit Ihrem Passwort:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'reset-code': {
      subject: 'Setzen Sie ein neues Passwort',
      paragraphs: [
        'Jemand hat ein neues Passwort für Ihr Konto angefordert. Wenn Sie das waren, setzen Sie es mit diesem Code:',
        '{code}',
        UNTIL,
        'Wenn Sie das nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist. Geben Sie diesen Code niemandem.',
      ],
    },
    'account-locked': {
      subject: 'Ihr Konto ist vorerst gesperrt',
      paragraphs: [
        'Für Ihr Konto wurde {failures} Mal hintereinander ein falsches Passwort angegeben, deshalb ist es gesperrt. Bis die Sperre endet, wird kein Passwort auch nur geprüft.',
        'Sie endet von selbst am {time}. Vorher beendet sie ein Zurücksetzen des Passworts oder ein Administrator, der das Konto entsperrt.',
        'Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort wurde nicht gefunden.',
      ],
    },
    'signed-in-after-failures': {
      subject: 'Anmeldung an Ihrem Konto nach vielen falschen Passwörtern',
      paragraphs: [
        'Am {time} hat sich jemand mit dem richtigen Passwort an Ihrem Konto angemeldet, nach {failures} falschen.',
        'Wenn Sie das waren, müssen Sie nichts tun.',
        'Wenn nicht, ändern Sie jetzt Ihr Passwort und beenden Sie die Sitzungen, die Sie nicht kennen.',
      ],
    },
    'sign-up-known': {
      subject: 'Sie haben schon ein Konto',
      paragraphs: [
        'Am {time} hat jemand begonnen, sich mit dieser Adresse zu registrieren, zu der es schon ein Konto gibt.',
        'Wenn Sie das waren, melden Sie sich an oder fordern Sie ein neues Passwort an. Wenn nicht, müssen Sie nichts tun.',
      ],
    },
    'password-changed': {
      subject: 'Ihr Passwort wurde geändert',
      paragraphs: [
        'Das Passwort Ihres Kontos wurde am {time} geändert. Ihre anderen Sitzungen sind beendet.',
        NOT_YOU,
      ],
    },
    'factor-added': {
      subject: 'Ihre zweiten Faktoren haben sich geändert',
      paragraphs: ['Am {time} kam zu Ihrem Konto hinzu: {factor}.', NOT_YOU],
    },
    'factor-removed': {
      subject: 'Ihre zweiten Faktoren haben sich geändert',
      paragraphs: ['Am {time} wurde aus Ihrem Konto entfernt: {factor}.', NOT_YOU],
    },
    'recovery-code-used': {
      subject: 'Ein Wiederherstellungscode wurde benutzt',
      paragraphs: [
        'Am {time} wurde ein Wiederherstellungscode benutzt, um sich bei Ihrem Konto anzumelden. Übrig: {left}.',
        NOT_YOU,
      ],
    },
    'email-changed': {
      subject: 'Ihre E-Mail-Adresse wurde geändert',
      paragraphs: [
        'Am {time} bekam Ihr Konto eine andere E-Mail-Adresse. Nachrichten gehen ab jetzt dorthin.',
        NOT_YOU,
      ],
    },
    'phone-changed': {
      subject: 'Ihre Telefonnummer wurde geändert',
      paragraphs: ['Am {time} bekam Ihr Konto eine andere Telefonnummer.', NOT_YOU],
    },
    'new-device': {
      subject: 'Anmeldung von einem neuen Gerät',
      paragraphs: [
        'Am {time} gab es eine Anmeldung bei Ihrem Konto von einem Gerät, das wir noch nicht gesehen hatten.',
        'Gerät: {device}. Adresse: {where}.',
        `Wenn Sie das waren, müssen Sie nichts tun. ${NOT_YOU}`,
      ],
    },
  },
};
