// SPDX-License-Identifier: BSL-1.0
// See servers.hpp. What each server is told is what the Debian packages' programs need to run as a
// child, without systemd, and to let 200 clients in at once.
#include "legacy/servers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <thread>

#include "legacy/server_process.hpp"

namespace legacy {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;  // for a server to listen, under load
constexpr const char* nginx_echo = "/usr/lib/nginx/modules/ngx_http_echo_module.so";

// Debian's lies outside PATH, and its folder has the version's name.
std::string postgres_folder() {
  glob_t found{};
  std::string folder;
  if (glob("/usr/lib/postgresql/*/bin/postgres", 0, nullptr, &found) == 0) {
    folder = found.gl_pathv[found.gl_pathc - 1];
    folder.resize(folder.rfind('/'));
  }
  globfree(&found);
  return folder;
}

bool may_mount() {
  const pid_t process = fork();
  if (process == 0) _exit(unshare(CLONE_NEWNS) == 0 ? 0 : 1);
  int status = 1;
  waitpid(process, &status, 0);
  return status == 0;
}

// An address of this machine on which nobody answers questions yet; empty if we may not do so.
std::string free_name_server() {
  for (int i = 1; i < 100; ++i) {
    const std::string address = "127.7." + std::to_string(i) + ".53";
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(53);
    inet_pton(AF_INET, address.c_str(), &where.sin_addr);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
    close(fd);
    if (is_free) return address;
  }
  return {};
}

// Tells by what a server wrote that it listens.
auto says(const char* text) {
  return [text](const std::string& output) { return output.find(text) != std::string::npos; };
}

std::string reason_against(server what) {
  switch (what) {
    case server::none:
      return {};
    case server::postgres:
      return postgres_folder().empty() ? "no PostgreSQL (Debian: postgresql)" : "";
    case server::redis:
      return is_on_path("redis-server") ? "" : "no redis-server (Debian: redis-server)";
    case server::nginx:
      if (!is_on_path("openssl")) return "no openssl (Debian: openssl)";
      return is_on_path("nginx") && access(nginx_echo, R_OK) == 0
                 ? ""
                 : "no nginx that can wait (Debian: nginx-light, libnginx-mod-http-echo)";
    case server::mariadb:
      return is_on_path("mariadbd") ? "" : "no MariaDB (Debian: mariadb-server)";
    case server::sshd:
      if (geteuid() != 0) return "sshd needs root";
      return is_on_path("/usr/sbin/sshd") ? "" : "no sshd (Debian: openssh-server)";
    case server::dns:
      if (!may_mount()) return "no right to mount a resolv.conf of its own (unshare -m)";
      return free_name_server().empty() ? "no right to use port 53" : "";
  }
  return {};
}

}  // namespace

servers& servers::of_process() {
  static servers only;
  return only;
}

servers::servers() {
  char folder[] = "/tmp/weft_legacy_XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("no folder in /tmp");
  folder_ = folder;
  chmod(folder, 0755);  // servers run as users of their own
  keep_folder();
  setenv("WEFT_LEGACY_FOLDER", folder, 1);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (path + ":/usr/sbin:/sbin").c_str(), 1);
}

servers::~servers() {
  for (const running& one : all_) {
    end_process(one.process, one.last_signal);
    tell_keeper(-one.process);
  }
  close(keeper_pipe_);
  waitpid(keeper_, nullptr, 0);
}

// A process that outlives this one, to end and remove what it leaves behind.
void servers::keep_folder() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  keeper_ = fork();
  if (keeper_ == 0) {
    setsid();  // Ctrl-C is not for it
    for (int fd = 0; fd < 256; ++fd) {
      if (fd != ends[0]) close(fd);
    }
    std::set<pid_t> alive;
    for (pid_t told = 0; read(ends[0], &told, sizeof told) == sizeof told;) {
      if (told > 0) alive.insert(told);
      if (told < 0) alive.erase(-told);
    }
    for (const pid_t one : alive) kill(-one, SIGKILL);  // what it started, too
    if (!alive.empty()) std::this_thread::sleep_for(200ms);
    execlp("rm", "rm", "-rf", folder_.c_str(), nullptr);
    _exit(1);
  }
  close(ends[0]);
  keeper_pipe_ = ends[1];
}

// What runs, or -what has ended.
void servers::tell_keeper(pid_t process) const {
  static_cast<void>(!::write(keeper_pipe_, &process, sizeof process));
}

std::string servers::start(server what) {
  const bool runs = std::any_of(all_.begin(), all_.end(),
                                [what](const running& one) { return one.what == what; });
  if (runs || what == server::none) return {};
  std::string reason = reason_against(what);
  if (!reason.empty()) return reason;
  switch (what) {
    case server::none:
      break;
    case server::postgres:
      start_postgres();
      break;
    case server::redis:
      start_redis();
      break;
    case server::nginx:
      start_nginx();
      break;
    case server::mariadb:
      start_mariadb();
      break;
    case server::sshd:
      start_sshd();
      break;
    case server::dns:
      start_dns();
      break;
  }
  return {};
}

void servers::start_postgres() {
  const std::string programs = postgres_folder();
  const std::string port = std::to_string(free_port());
  mkdir(in_folder("postgres").c_str(), 0700);
  const passwd* const user = getpwnam("postgres");
  if (geteuid() == 0 && user != nullptr &&
      chown(in_folder("postgres").c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("chown");
  }
  run_to_end({{programs + "/initdb", "-D", in_folder("postgres"), "-A", "trust", "-U", "postgres",
               "--no-sync", "--locale=C"},
              "postgres",
              SIGKILL});
  launch(
      server::postgres,
      {{programs + "/postgres", "-D", in_folder("postgres"), "-p", port, "-c",
        "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=260",
        "-c", "fsync=off", "-c", "shared_buffers=8MB", "-c", "autovacuum=off", "-c", "jit=off"},
       "postgres",
       SIGQUIT},
      says("ready to accept connections"));
  setenv("WEFT_LEGACY_POSTGRES", port.c_str(), 1);
}

void servers::start_redis() {
  const std::string port = std::to_string(free_port());
  launch(server::redis,
         {{"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly",
           "no", "--dir", folder_},
          "",
          SIGKILL},
         says("Ready to accept connections"));
  setenv("WEFT_LEGACY_REDIS", port.c_str(), 1);
}

void servers::make_certificate() {
  run_to_end({{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
               "subjectAltName=DNS:localhost,DNS:web.test,IP:127.0.0.1", "-keyout",
               in_folder("cert_key.pem"), "-out", in_folder("cert.pem")},
              "",
              SIGKILL});
}

void servers::start_nginx() {
  make_certificate();
  const std::string http = std::to_string(free_port());
  const std::string https = std::to_string(free_port());
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary += std::string("  ") + kind + "_temp_path " + in_folder("nginx_temporary") + ";\n";
  }
  write("nginx.conf", std::string("load_module ") + nginx_echo +
                          ";\ndaemon off;\nerror_log stderr;\npid " + in_folder("nginx.pid") +
                          ";\nevents { worker_connections 2000; }\nhttp {\n  access_log off;\n" +
                          temporary + "  server {\n    listen 127.0.0.1:" + http +
                          " backlog=511;\n    listen 127.0.0.1:" + https +
                          " ssl backlog=511;\n    ssl_certificate " + in_folder("cert.pem") +
                          ";\n    ssl_certificate_key " + in_folder("cert_key.pem") +
                          ";\n    location /slow { echo_sleep 0.2; echo $args; }\n"
                          "    location /slower { echo_sleep 0.5; echo $args; }\n"
                          "    location /never { echo_sleep 20; echo no; }\n  }\n}\n");
  launch(server::nginx, {{"nginx", "-c", in_folder("nginx.conf"), "-e", "stderr"}, "", SIGTERM},
         [&](const std::string&) { return accepts_connections(std::stoi(https)); });
  setenv("WEFT_LEGACY_HTTP", http.c_str(), 1);
  setenv("WEFT_LEGACY_HTTPS", https.c_str(), 1);
}

void servers::start_mariadb() {
  const std::string port = std::to_string(free_port());
  const std::string data = in_folder("mariadb");
  const std::string user = geteuid() == 0 ? "mysql" : getpwuid(geteuid())->pw_name;
  run_to_end({{"mariadb-install-db", "--no-defaults", "--user=" + user, "--datadir=" + data,
               "--auth-root-authentication-method=normal", "--skip-test-db"},
              "",
              SIGKILL});
  launch(server::mariadb,
         {{"mariadbd", "--no-defaults", "--user=" + user, "--datadir=" + data,
           "--socket=" + data + "/socket", "--bind-address=127.0.0.1", "--port=" + port,
           "--max-connections=300", "--back-log=400", "--skip-name-resolve"},
          "",
          SIGKILL},
         says("ready for connections"));
  setenv("WEFT_LEGACY_MARIADB", port.c_str(), 1);
}

void servers::start_sshd() {
  const std::string port = std::to_string(free_port());
  for (const char* name : {"host_key", "key"}) {
    run_to_end(
        {{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in_folder(name)}, "", SIGKILL});
  }
  mkdir("/run/sshd", 0755);  // sshd wants it; the package's own service makes it
  launch(server::sshd,
         {{"/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", port, "-o",
           "ListenAddress=127.0.0.1", "-o", "HostKey=" + in_folder("host_key"), "-o",
           "AuthorizedKeysFile=" + in_folder("key.pub"), "-o", "StrictModes=no", "-o",
           "PidFile=" + in_folder("sshd.pid"), "-o", "MaxStartups=200", "-o", "UsePAM=no",
           // or bash reads the user's .bashrc, whatever that does
           "-o", "SetEnv=SHLVL=2"},
          "",
          SIGTERM},
         says("Server listening"));
  setenv("WEFT_LEGACY_SSH", port.c_str(), 1);
}

void servers::start_dns() {
  const std::string address = free_name_server();
  write("resolv.conf", "nameserver " + address + "\n");
  write("nsswitch.conf", "hosts: files dns\n");
  const char* const program = std::getenv("WEFT_LEGACY_DNS_SERVER");
  launch(server::dns, {{program != nullptr ? program : "legacy_dns_server", address}, "", SIGKILL},
         says("ready"));
  setenv("WEFT_LEGACY_DNS", address.c_str(), 1);
}

void servers::write(const std::string& name, const std::string& text) const {
  std::ofstream(in_folder(name)) << text;
}

// What it writes, to tell why it failed.
std::string servers::log_of(const command& how) const {
  const std::string& program = how.words.front();
  return in_folder(program.substr(program.rfind('/') + 1) + ".log");
}

void servers::launch(server what, const command& how,
                     const std::function<bool(const std::string& output)>& is_ready) {
  const std::string log = log_of(how);
  const pid_t process = start_process(how.words, how.user, how.last_signal, log);
  tell_keeper(process);
  const auto end = std::chrono::steady_clock::now() + patience;
  int status = 0;
  while (!is_ready(contents_of(log))) {
    const bool is_gone = has_ended(process, status);
    if (is_gone || std::chrono::steady_clock::now() > end) {
      if (!is_gone) end_process(process, how.last_signal);
      throw std::runtime_error(how.words.front() + " does not start:\n" + contents_of(log));
    }
    std::this_thread::sleep_for(5ms);
  }
  all_.push_back({what, process, how.last_signal});
}

void servers::run_to_end(const command& how) {
  const std::string log = log_of(how);
  const pid_t process = start_process(how.words, how.user, how.last_signal, log);
  tell_keeper(process);
  int status = 0;
  while (!has_ended(process, status)) std::this_thread::sleep_for(2ms);
  tell_keeper(-process);
  if (status != 0) {
    throw std::runtime_error(how.words.front() + " ended with " + std::to_string(status) + ":\n" +
                             contents_of(log));
  }
}

}  // namespace legacy
