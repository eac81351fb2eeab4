/* What the parts of the client share. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The two ends of the way to the program that is measured; the same descriptor twice, but for pipes. */
struct way {
	int to;
	int from;
	pid_t program; /* 0 where somebody else has started it */
	uint64_t started_at; /* nanoseconds, just before the program was started */
};

/* A file of requests, a line each. */
struct requests {
	char *bytes;
	size_t size;
	size_t count;
};

uint64_t nanoseconds(void);
void give_up(const char *what);

/* Each ends this process where the way cannot be opened. */
struct way open_socket(const char *path);
struct way open_pipes(char **command);
struct way open_terminal(char **command);

/* Each prints one line: what it measured. */
void answer_first(struct way way, const char *request);
void ask_in_turn(struct way way, struct requests requests, const char *samples_path);
void ask_at_once(struct way way, struct requests requests, const char *answers_path);
