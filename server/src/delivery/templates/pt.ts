import type { LocaleTemplates } from './locale-templates.ts';

const UNTIL = 'Só pode ser usado uma vez, até {time}.';
const NO_CHANGE = 'Se não o pediu, não faça nada: sem o código, nada muda.';
const KNOWS_PASSWORD =
  'Se não foi você, outra pessoa conhece a sua senha: não dê este código a ninguém e altere a sua senha.';
const NOT_YOU =
  'Se não foi você, outra pessoa pode entrar na sua conta: defina já uma nova senha, verifique as suas sessões e dispositivos e avise quem gere este serviço.';

/** Portuguese. */
export const pt: LocaleTemplates = {
  dates: 'pt',
  text: '{code} é o seu código de {service}. Não o dê a ninguém.',
  factors: {
    totp: 'uma aplicação de autenticação',
    email: 'códigos por e-mail',
    'recovery-codes': 'um conjunto de códigos de recuperação',
    passkey: 'uma chave de acesso (passkey)',
  },
  unknownDevice: 'desconhecido',
  messages: {
    'sign-in-code': {
      subject: 'O seu código para entrar',
      paragraphs: [
        'Este é o código para a entrada que acaba de ser iniciada com a sua conta:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'device-code': {
      subject: 'Confirme o seu novo dispositivo',
      paragraphs: [
        'Alguém está a entrar na sua conta a partir de um dispositivo que ainda não conhecemos. Se é você, este código confirma-o:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'address-code': {
      subject: 'Confirme o seu endereço',
      paragraphs: [
        'Este código mostra que as mensagens para este endereço lhe chegam:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'sign-up-code': {
      subject: 'Conclua o seu registo',
      paragraphs: [
        'Este código completa a conta que acaba de ser iniciada com este endereço:',
        '{code}',
        UNTIL,
        'Se não o pediu, não faça nada: sem o código, nenhuma conta é criada.',
      ],
    },
    'validation-code': {
      subject: 'Confirme a sua conta',
      paragraphs: [
        'Este código confirma a sua conta. Escreva-o onde lhe foi pedido, com a sua senha:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'reset-code': {
      subject: 'Defina uma nova senha',
      paragraphs: [
        'Alguém pediu uma nova senha para a sua conta. Se foi você, este código define-a:',
        '{code}',
        UNTIL,
        'Se não foi você, não faça nada: a sua senha fica como está. Não dê este código a ninguém.',
      ],
    },
    'account-locked': {
      subject: 'A sua conta está bloqueada por agora',
      paragraphs: [
        'Foi dada uma senha errada para a sua conta {failures} vezes seguidas, por isso está bloqueada. Até o bloqueio terminar, nenhuma senha é verificada.',
        'Termina por si: {time}. Antes disso, terminam-no uma redefinição da senha ou um administrador que desbloqueie a conta.',
        'Se não foi você, não precisa de fazer nada: ninguém acertou na sua senha.',
      ],
    },
    'signed-in-after-failures': {
      subject: 'Entraram na sua conta depois de muitas senhas erradas',
      paragraphs: [
        'Com data {time}, alguém entrou na sua conta com a senha certa, depois de {failures} erradas.',
        'Se foi você, não precisa de fazer nada.',
        'Se não foi você, mude agora a sua senha e termine as sessões que não conhece.',
      ],
    },
    'sign-up-known': {
      subject: 'Já tem uma conta',
      paragraphs: [
        'Alguém começou a registar-se com este endereço, que já tem uma conta: {time}.',
        'Se foi você, entre ou peça uma nova senha. Se não foi você, não precisa de fazer nada.',
      ],
    },
    'password-changed': {
      subject: 'A sua senha foi alterada',
      paragraphs: ['A senha da sua conta foi alterada: {time}. As suas outras sessões terminaram.', NOT_YOU],
    },
    'factor-added': {
      subject: 'Os seus segundos fatores mudaram',
      paragraphs: ['Passou a haver na sua conta {factor}: {time}.', NOT_YOU],
    },
    'factor-removed': {
      subject: 'Os seus segundos fatores mudaram',
      paragraphs: ['Deixou de haver na sua conta {factor}: {time}.', NOT_YOU],
    },
    'recovery-code-used': {
      subject: 'Foi usado um código de recuperação',
      paragraphs: [
        'Foi usado um código de recuperação para entrar na sua conta: {time}. Restam {left}.',
        NOT_YOU,
      ],
    },
    'email-changed': {
      subject: 'O seu endereço de e-mail foi alterado',
      paragraphs: [
        'A sua conta tem outro endereço de e-mail: {time}. As mensagens passam a ir para lá.',
        NOT_YOU,
      ],
    },
    'phone-changed': {
      subject: 'O seu número de telefone foi alterado',
      paragraphs: ['A sua conta tem outro número de telefone: {time}.', NOT_YOU],
    },
    'new-device': {
      subject: 'Entrada a partir de um novo dispositivo',
      paragraphs: [
        'Alguém entrou na sua conta a partir de um dispositivo que não tínhamos visto antes: {time}.',
        'Dispositivo: {device}. Endereço: {where}.',
        `Se foi você, não precisa de fazer nada. ${NOT_YOU}`,
      ],
    },
  },
};
