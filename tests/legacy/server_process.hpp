// SPDX-License-Identifier: BSL-1.0
// Starting and ending other programs, for servers.cpp.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace legacy {

// Starts a program, found on PATH, whose output goes to the file. As `user`, if we are root and it
// is not empty. It gets `last_signal` when this process ends, however it does.
pid_t start_process(const std::vector<std::string>& words, const std::string& user, int last_signal,
                    const std::string& output_file);

// Sends it a signal, then SIGKILL if it takes more than seconds; waits for its end.
void end_process(pid_t process, int signal);

// False while it runs; then `status` is what it ended with, 256 and more after a signal.
bool has_ended(pid_t process, int& status);

// A TCP port of the loopback interface that nobody listens on.
int free_port();
bool accepts_connections(int port);

std::string contents_of(const std::string& file);
bool is_on_path(const std::string& program);

}  // namespace legacy
