// SPDX-License-Identifier: BSL-1.0
// Real servers on the loopback interface, on ports that are free, with all their files in a folder
// that is gone at the end. Started when they are first asked for; each dies with this process,
// however that ends, and a keeper then removes the folder. Used by the tests of suite 'legacy'.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace legacy {

enum class server { none, postgres, redis, nginx, mariadb, sshd, dns };

class servers {
 public:
  // The only ones of this process. To be called first while it has one thread.
  static servers& of_process();

  // Starts it unless it runs. Empty, or why it can't be had on this machine.
  // Then the environment says where it is: WEFT_LEGACY_POSTGRES and so on, WEFT_LEGACY_FOLDER.
  // Throws: std::runtime_error if it is installed and doesn't start.
  std::string start(server what);

  servers(const servers&) = delete;
  servers& operator=(const servers&) = delete;

 private:
  struct running {
    server what = server::none;
    pid_t process = -1;
    int last_signal = 0;
  };
  // A program in the background, what it writes in a file of the folder.
  struct command {
    std::vector<std::string> words;
    std::string user;     // who runs it, if we are root
    int last_signal = 0;  // what ends it at once
  };

  servers();
  ~servers();
  void keep_folder();
  void tell_keeper(pid_t process) const;
  void start_postgres();
  void start_redis();
  void start_nginx();
  void start_mariadb();
  void start_sshd();
  void start_dns();
  void launch(server what, const command& how,
              const std::function<bool(const std::string& output)>& is_ready);
  void run_to_end(const command& how);
  void make_certificate();
  std::string log_of(const command& how) const;
  void write(const std::string& name, const std::string& text) const;
  std::string in_folder(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  pid_t keeper_ = -1;
  int keeper_pipe_ = -1;
  std::vector<running> all_;
};

}  // namespace legacy
