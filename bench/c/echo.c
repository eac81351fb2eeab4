/*
 * The yardstick: answers 1 to every line, at once, and looks at nothing.
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

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0)
			return -1;
		bytes += written;
		length -= written;
	}
	return 0;
}

static void serve(int in, int out)
{
	ssize_t length;
	while ((length = read(in, requests, sizeof requests)) > 0) {
		size_t size = 0;
		for (char *at = requests; (at = memchr(at, '\n', requests + length - at)); at++) {
			answers[size++] = '1';
			answers[size++] = '\n';
		}
		if (write_all(out, answers, size) < 0)
			return;
	}
}

static int serve_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
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

int main(int count, char **arguments)
{
	if (count > 1)
		return serve_socket(arguments[1]);
	serve(0, 1);
	return 0;
}
