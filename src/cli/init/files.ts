/** What `runnel init --secure` writes, as texts: the broker's configuration, and two for clients that log in to it. */
import { addressOf, isLoopback } from "../../config/addresses.ts";

/** Of the files, by what they are for. */
export interface SecureNames {
  readonly config: string;
  readonly caCertificate: string;
  readonly caKey: string;
  readonly certificate: string;
  readonly key: string;
  readonly users: string;
  readonly javaClient: string;
  readonly rdClient: string;
}

/** In a folder, each by its whole path. */
export function namesIn(folder: string): SecureNames {
  const at = (name: string) => folder === "/" ? `/${name}` : `${folder}/${name}`;
  return {
    config: at("runnel.toml"),
    caCertificate: at("ca.pem"),
    caKey: at("ca.key"),
    certificate: at("server.pem"),
    key: at("server.key"),
    users: at("users"),
    javaClient: at("client.properties"),
    rdClient: at("librdkafka.conf"),
  };
}

/** The user that may do everything. */
export const ADMIN = "admin";

export interface SecurePlace {
  /** Names and addresses by which clients come, as they were given; empty: from this machine only. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly storagePath: string;
}

/** Where clients connect at first. */
export function bootstrapFor({ hosts, port }: SecurePlace): string {
  return addressOf(hosts[0] ?? "127.0.0.1", port);
}

/** Where the broker listens: at home unless somebody comes from elsewhere. */
export function listenAddress(hosts: readonly string[]): string {
  const far = hosts.filter((host) => !isLoopback(host));
  if (far.length === 0) return "127.0.0.1";
  return far.some((host) => host.includes(":")) ? "::" : "0.0.0.0";
}

export function configText(place: SecurePlace, names: SecureNames): string {
  const { hosts, port, storagePath } = place, text = JSON.stringify;
  const told = hosts.length === 0 ? "" : `advertised = ${text(bootstrapFor(place))}\n`;
  return `\
# Clients come over TLS and log in by SCRAM, and may do what ACLs allow. \`runnel config\` shows all options.

[[listeners]]
protocol = "SASL_SSL"
address = ${text(listenAddress(hosts))}
port = ${port}
${told}
[tls]
certificate_file = ${text(names.certificate)}
key_file = ${text(names.key)}

[auth]
enabled = true # a listener that asks nobody is refused
mechanism = ["SCRAM-SHA-512", "SCRAM-SHA-256"]
users_file = ${text(names.users)}

[authorization]
super_users = ["User:${ADMIN}"] # who may do everything, whatever ACLs say

[storage]
path = ${text(storagePath)}
`;
}

export interface ClientSecrets {
  readonly password: string;
  /** The authority's certificate, PEM. */
  readonly authority: string;
}

/** For Java: the authority within, so that the file can be taken to another machine. */
export function javaClientText(
  place: SecurePlace,
  { password, authority }: ClientSecrets,
): string {
  return `\
# For Java clients, Kafka's tools (--command-config) and runnel's commands (--client-config). Whoever reads it is ${ADMIN}.
bootstrap.servers=${bootstrapFor(place)}
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="${ADMIN}" password="${password}";
ssl.truststore.type=PEM
ssl.truststore.certificates=${authority.trim().replaceAll("\n", "\\n\\\n")}
`;
}

/** For librdkafka, and so kcat -F: line by line, with nothing to be escaped. */
export function rdClientText(
  place: SecurePlace,
  { password, caFile }: { readonly password: string; readonly caFile: string },
): string {
  return `\
# For librdkafka and kcat (-F), which read the file of ssl.ca.location besides. Whoever reads it is ${ADMIN}.
bootstrap.servers=${bootstrapFor(place)}
security.protocol=sasl_ssl
sasl.mechanisms=SCRAM-SHA-512
sasl.username=${ADMIN}
sasl.password=${password}
ssl.ca.location=${caFile}
ssl.endpoint.identification.algorithm=https
`;
}
