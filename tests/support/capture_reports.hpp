// SPDX-License-Identifier: BSL-1.0
// Keeps what weft reports while it lives, so that a test compares messages word for word.
// One at a time; reports of any thread are kept, in their order.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "weft/report.hpp"

namespace weft_tests {

class capture_reports {
 public:
  capture_reports() {
    kept().clear();
    before_ = weft::set_report_handler(&keep);
  }
  ~capture_reports() { weft::set_report_handler(before_); }
  capture_reports(const capture_reports&) = delete;
  capture_reports& operator=(const capture_reports&) = delete;

  std::vector<std::string> texts() const {
    const std::lock_guard<std::mutex> hold(lock());
    return kept();
  }

 private:
  static std::mutex& lock() {
    static std::mutex only;
    return only;
  }
  static std::vector<std::string>& kept() {
    static std::vector<std::string> only;
    return only;
  }
  static void keep(const weft::report& message) noexcept {
    const std::lock_guard<std::mutex> hold(lock());
    kept().emplace_back(message.text);
  }

  weft::report_handler before_;
};

}  // namespace weft_tests
