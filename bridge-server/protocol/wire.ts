/** What both ends of the socket must know before a message can be read. Free of dependencies: the panel's bundle holds this file. */
export const PROTOCOL_VERSION = 1;

/** Where a bridge may listen, on 127.0.0.1; tried in this order. */
export const BRIDGE_PORTS: readonly number[] = [41741, 41742, 41743, 41744];

export const SOCKET_PATH = '/v1/socket';

/** Why the bridge closes a socket: the close code, with the name as its reason. */
export const CLOSE_CODES = {
  'shutting-down': 1001,
  'message-binary': 1003,
  'message-too-big': 1009,
  'hello-expected': 4001,
  'hello-late': 4002,
  'token-wrong': 4003,
  'version-unsupported': 4004,
  'pairing-refused': 4005,
  'too-many-bad-messages': 4006,
  'too-many-connections': 4007,
  silent: 4008,
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;

/** What starts the bridge where `pentimento register` has told the system so. What follows the colon is never looked at. */
export const START_SCHEME = 'pentimento';
export const START_ADDRESS = `${START_SCHEME}:start`;
