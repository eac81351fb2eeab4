/*
 * The baseline: answers 1 to every line at once, without reading it.
 *
 * echo           on standard input and output
 * echo PATH      on a Unix socket, one connection after the other
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char requests[65536];
static char answers[2 * sizeof requests];

static void serve(int in, int out)
{
	ssize_t length;
	while ((length = read(in, requests, sizeof requests)) > 0) {
		size_t size = 0;
		for (char *at = requests; (at = memchr(at, '\n', requests + length - at)); at++) {
			answers[size++] = '1';
			answers[size++] = '\n';
		}
		for (size_t sent = 0; sent < size; sent += length)
			if ((length = write(out, answers + sent, size - sent)) < 0)
				return;
	}
}

int main(int count, char **arguments)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (count < 2) {
		serve(0, 1);
		return 0;
	}
	strncpy(address.sun_path, arguments[1], sizeof address.sun_path - 1);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
		return 1;
	for (;;) {
		int connection = accept(listener, 0, 0);
		if (connection < 0)
			return 1;
		serve(connection, connection);
		close(connection);
	}
}
