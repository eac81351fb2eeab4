/** Where a Redis server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The Unix socket, in place of host and port. */
  readonly path: string | undefined;
}

/** Where Redis is, and how it is spoken to. */
export interface RedisSettings {
  /** One, or several of a cluster or of Sentinels. */
  readonly addresses: readonly RedisAddress[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM, in place of the authorities that Node knows. */
  readonly ca: string | undefined;
  readonly prefix: string;
  readonly isCluster: boolean;
  /** The name of the master that the Sentinels at the addresses watch. */
  readonly sentinelMaster: string | undefined;
}
