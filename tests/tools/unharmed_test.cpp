// SPDX-License-Identifier: BSL-1.0
// Programs that know nothing of weft run as ever with libweft-hook before the C library and all
// tiers installed: the same output, the same exit status. Each does something real, without a
// network.
#include <doctest/doctest.h>

#include <cstdint>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/child.hpp"
#include "support/skip.hpp"
#include "tools/programs.hpp"

using namespace weft_tests;

namespace {

// In an empty folder of its own, by a shell that has the library itself.
command_result run_script(const std::string& script, const std::string& before) {
  const temporary_folder folder;
  folder.write("script", script);
  return run_command("cd " + in_quotes(folder.path()) +
                     " && export HOME=. LC_ALL=C && env -u LD_PRELOAD " + before +
                     " timeout 60 sh ./script");
}

// Runs it three times; the output is what the first one printed.
std::string unharmed_output(const std::string& script) {
  const auto plain = run_script(script, "");
  for (const char* tiers : {" ", " --locks --files "}) {
    const auto hooked = run_script(script, in_quotes(weft_run()) + tiers);
    CAPTURE(tiers);
    CHECK(hooked.status == plain.status);
    CHECK(hooked.output == plain.output);
  }
  return plain.output;
}

// Answers every connection with the same page, until it is killed.
class web_server {
 public:
  web_server() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof own;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &bytes) == 0);
    port_ = ntohs(own.sin_port);
  }
  ~web_server() { close(listener_); }
  web_server(const web_server&) = delete;
  web_server& operator=(const web_server&) = delete;

  std::string port() const { return std::to_string(port_); }
  int serve() const {
    for (;;) {
      const int client = accept(listener_, nullptr, nullptr);
      char request[4096];
      if (client < 0 || read(client, request, sizeof request) <= 0) return 1;
      const std::string page(100000, 'w');
      const std::string answer = "HTTP/1.0 200 OK\r\nX-Weft: yes\r\n\r\n" + page;
      for (std::size_t at = 0; at < answer.size();) {
        const ssize_t written = write(client, answer.data() + at, answer.size() - at);
        if (written <= 0) break;
        at += static_cast<std::size_t>(written);
      }
      close(client);
    }
  }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

const char* python_script = R"py(
import socket, threading, subprocess, select, time, queue, os
server = socket.create_server(("127.0.0.1", 0))
def serve():
    for _ in range(8):
        client, _address = server.accept()
        with client:
            data = client.recv(100)
            time.sleep(0.01)
            client.sendall(data[::-1] * 1000)
thread = threading.Thread(target=serve)
thread.start()
answers = queue.Queue()
def ask(i):
    with socket.create_connection(server.getsockname()) as s:
        s.sendall(b"hello %d" % i)
        total = b""
        while True:
            select.select([s], [], [])
            part = s.recv(4096)
            if not part:
                break
            total += part
        answers.put((i, len(total), total[:7]))
askers = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
for one in askers: one.start()
for one in askers: one.join()
thread.join()
print(sorted(answers.get() for _ in range(8)))
print(subprocess.run(["sh", "-c", "cat; exit 5"], input=b"piped", capture_output=True))
lock = threading.Condition()
with lock: print(lock.wait(0.02))
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, b"child")
    os._exit(3)
print(os.read(r, 10), os.wait()[1])
try:
    socket.create_connection(("127.0.0.1", 1), 5)
except OSError as error:
    print(error)
raise SystemExit(9)
)py";

std::string python() { return fs::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3"; }

}  // namespace

TEST_CASE("unharmed: true, a shell and its tools") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  unharmed_output("/bin/true; echo $?; false; echo $?");
  const std::string output = unharmed_output(
      "seq 1 20000 | sort -rn | head -n 3; echo x | (read a; echo got $a); (exit 4); echo $?\n"
      "sleep 0.05 & wait; cat script | wc -c; trap 'echo trapped' TERM; kill -TERM $$; exit 6");
  CHECK(output.find("got x") != std::string::npos);
  CHECK(output.find("trapped") != std::string::npos);
}

TEST_CASE("unharmed: python3 with threads, sockets, pipes, a child and a lock") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program(python())) WEFT_SKIP("python3 is not installed");
  const std::string output = unharmed_output(python() + " - <<'end'\n" + python_script + "end\n");
  INFO(output);
  CHECK(output.find("(0, 7000, b'0 olleh')") != std::string::npos);
  CHECK(output.find("returncode=5, stdout=b'piped'") != std::string::npos);
  CHECK(output.find("b'child' 768") != std::string::npos);
  CHECK(output.find("Connection refused") != std::string::npos);
}

TEST_CASE("unharmed: git makes a repository, commits, logs and clones") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program("git")) WEFT_SKIP("git is not installed");
  const std::string output = unharmed_output(
      "git --version\n"
      "export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' "
      "GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'\n"
      "git init -q -b main r && cd r && git config user.name w && git config user.email w@x\n"
      "seq 1 1000 > a && git add a && git commit -qm first && echo more >> a\n"
      "git commit -qam second && git log --stat | cat && git clone -q . ../c && cat ../c/a | tail "
      "-n 1\n"
      "git gc -q; git fsck 2>&1; git show nothing; exit 3");
  INFO(output);
  CHECK(output.find("second") != std::string::npos);
  CHECK(output.find("more") != std::string::npos);
}

TEST_CASE("unharmed: curl gets a page, and says that nobody listens") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program("curl")) WEFT_SKIP("curl is not installed");
  web_server server;
  child serving([&] { return server.serve(); });
  const std::string output = unharmed_output(
      "curl --version; curl -si http://127.0.0.1:" + server.port() +
      "/ | cksum; curl -s http://localhost:" + server.port() +
      "/ -o page -w '%{http_code} %{size_download}\\n' --noproxy '*'\n"
      "{ curl -sS http://127.0.0.1:1/; echo $?; } 2>&1 | sed 's/after [0-9]* ms/after a while/'");
  INFO(output);
  CHECK(output.find("200 100000") != std::string::npos);
  CHECK(output.find("after a while") != std::string::npos);
}

TEST_CASE("unharmed: psql says that nobody listens") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program("psql")) WEFT_SKIP("psql is not installed");
  const std::string output =
      unharmed_output("psql --version; psql -h 127.0.0.1 -p 1 -U weft -c 'select 1' postgres");
  INFO(output);
  CHECK(output.find("refused") != std::string::npos);
}

TEST_CASE("unharmed: redis-cli says that nobody listens") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program("redis-cli")) WEFT_SKIP("redis-cli is not installed");
  const std::string output =
      unharmed_output("redis-cli --version; redis-cli -h 127.0.0.1 -p 1 ping");
  INFO(output);
  CHECK(output.find("refused") != std::string::npos);
}

TEST_CASE("unharmed: ssh makes a key, and says that nobody listens") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  if (!has_program("ssh")) WEFT_SKIP("ssh is not installed");
  const std::string output = unharmed_output(
      "ssh -V; ssh-keygen -q -t ed25519 -N '' -C weft -f key && ssh-keygen -y -f key | cut -c1-20\n"
      "ssh -F none -o BatchMode=yes -p 1 weft@127.0.0.1 true");
  INFO(output);
  CHECK(output.find("refused") != std::string::npos);
}
