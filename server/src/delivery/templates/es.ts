import type { LocaleTemplates } from './locale-templates.ts';

const UNTIL = 'Se puede usar una sola vez, hasta {time}.';
const NO_CHANGE = 'Si no lo has pedido, no hagas nada: sin el código no cambia nada.';
const KNOWS_PASSWORD =
  'Si no has sido tú, otra persona conoce tu contraseña: no des este código a nadie y cambia tu contraseña.';
const NOT_YOU =
  'Si no has sido tú, otra persona puede entrar en tu cuenta: pon ahora una contraseña nueva, revisa tus sesiones y dispositivos y avisa a quien gestiona este servicio.';

/** Spanish. */
export const es: LocaleTemplates = {
  dates: 'es',
  text: '{code} es tu código de {service}. No se lo des a nadie.',
  factors: {
    totp: 'una aplicación de autenticación',
    email: 'códigos por correo electrónico',
    'recovery-codes': 'un juego de códigos de recuperación',
    passkey: 'una clave de acceso (passkey)',
  },
  unknownDevice: 'desconocido',
  messages: {
    'sign-in-code': {
      subject: 'Tu código de inicio de sesión',
      paragraphs: [
        'Este es el código para el inicio de sesión que se acaba de empezar con tu cuenta:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'device-code': {
      subject: 'Confirma tu nuevo dispositivo',
      paragraphs: [
        'Alguien está iniciando sesión en tu cuenta desde un dispositivo que todavía no conocemos. Si eres tú, este código lo confirma:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'address-code': {
      subject: 'Confirma tu dirección',
      paragraphs: [
        'Este código demuestra que los mensajes a esta dirección te llegan:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'sign-up-code': {
      subject: 'Termina de registrarte',
      paragraphs: [
        'Este código completa la cuenta que se acaba de empezar con esta dirección:',
        '{code}',
        UNTIL,
        'Si no lo has pedido, no hagas nada: sin el código no se crea ninguna cuenta.',
      ],
    },
    'validation-code': {
      subject: 'Confirma tu cuenta',
      paragraphs: [
        'Este código confirma tu cuenta. Escríbelo donde se te ha pedido, junto con tu contraseña:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'reset-code': {
      subject: 'Pon una contraseña nueva',
      paragraphs: [
        'Alguien ha pedido una contraseña nueva para tu cuenta. Si has sido tú, este código la establece:',
        '{code}',
        UNTIL,
        'Si no has sido tú, no hagas nada: tu contraseña sigue igual. No des este código a nadie.',
      ],
    },
    'account-locked': {
      subject: 'Tu cuenta está bloqueada por ahora',
      paragraphs: [
        'Se ha dado una contraseña errónea para tu cuenta {failures} veces seguidas, así que está bloqueada. Hasta que termine el bloqueo no se comprueba ninguna contraseña.',
        'Termina por sí solo: {time}. Antes lo terminan un restablecimiento de la contraseña o un administrador que desbloquee la cuenta.',
        'Si no has sido tú, no tienes que hacer nada: nadie ha acertado tu contraseña.',
      ],
    },
    'signed-in-after-failures': {
      subject: 'Se ha entrado en tu cuenta después de muchas contraseñas erróneas',
      paragraphs: [
        'Con fecha {time} alguien ha entrado en tu cuenta con la contraseña correcta, después de {failures} erróneas.',
        'Si has sido tú, no tienes que hacer nada.',
        'Si no has sido tú, cambia ahora tu contraseña y termina las sesiones que no conozcas.',
      ],
    },
    'sign-up-known': {
      subject: 'Ya tienes una cuenta',
      paragraphs: [
        'Alguien ha empezado a registrarse con esta dirección, que ya tiene una cuenta: {time}.',
        'Si has sido tú, inicia sesión o pide una contraseña nueva. Si no has sido tú, no tienes que hacer nada.',
      ],
    },
    'password-changed': {
      subject: 'Se ha cambiado tu contraseña',
      paragraphs: [
        'Se ha cambiado la contraseña de tu cuenta: {time}. Tus otras sesiones han terminado.',
        NOT_YOU,
      ],
    },
    'factor-added': {
      subject: 'Tus segundos factores han cambiado',
      paragraphs: ['Se ha añadido a tu cuenta {factor}: {time}.', NOT_YOU],
    },
    'factor-removed': {
      subject: 'Tus segundos factores han cambiado',
      paragraphs: ['Se ha quitado de tu cuenta {factor}: {time}.', NOT_YOU],
    },
    'recovery-code-used': {
      subject: 'Se ha usado un código de recuperación',
      paragraphs: [
        'Se ha usado un código de recuperación para iniciar sesión en tu cuenta: {time}. Quedan {left}.',
        NOT_YOU,
      ],
    },
    'email-changed': {
      subject: 'Se ha cambiado tu dirección de correo',
      paragraphs: [
        'Tu cuenta tiene otra dirección de correo electrónico: {time}. Desde ahora los mensajes van allí.',
        NOT_YOU,
      ],
    },
    'phone-changed': {
      subject: 'Se ha cambiado tu número de teléfono',
      paragraphs: ['Tu cuenta tiene otro número de teléfono: {time}.', NOT_YOU],
    },
    'new-device': {
      subject: 'Inicio de sesión desde un dispositivo nuevo',
      paragraphs: [
        'Se ha iniciado sesión en tu cuenta desde un dispositivo que no habíamos visto antes: {time}.',
        'Dispositivo: {device}. Dirección: {where}.',
        `Si has sido tú, no tienes que hacer nada. ${NOT_YOU}`,
      ],
    },
  },
};
