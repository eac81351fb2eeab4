/** The address of a Redis server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The Unix socket, used instead of host and port. */
  readonly path: string | undefined;
}

/** `store = "redis"`. */
export interface RedisSettings {
  /** One address, or those of several cluster nodes or Sentinels. */
  readonly addresses: readonly RedisAddress[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Certificate authorities in PEM, used instead of those of Node. */
  readonly ca: string | undefined;
  readonly prefix: string;
  readonly isCluster: boolean;
  /** The name of the primary that the Sentinels at the addresses watch. */
  readonly sentinelMaster: string | undefined;
}
