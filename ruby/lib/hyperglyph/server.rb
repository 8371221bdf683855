# frozen_string_literal: true

require "openssl"
require "set"
require "time"
require_relative "codec"
require_relative "http/deadline"
require_relative "http/forms"
require_relative "http/url"

module Hyperglyph
  # See server/resource.rb. It is named here so that it is not looked for while this file is read.
  module Resource; end

  # The parts of a service: see Router and Resource.
  module Server
    NOTHING = "there is nothing of that name"
    # What an author's code may end with; signals, and the end of the thread, are not caught.
    FAILURES = [StandardError, ScriptError, SystemStackError, NoMemoryError, SystemExit].freeze

    module_function

    # Seconds that are left of the deadline of the call that is being carried out; nil if it has none.
    def remaining
      HTTP::Deadline.current.remaining
    end

    # The Rack environment of the call that is being carried out.
    def env
      Thread.current.thread_variable_get(:hyperglyph_env)
    end

    # Raises Refusal with 504 if the deadline, an HTTP::Deadline, has passed (section 18.4).
    def check_deadline(deadline)
      raise Refusal.new(504, "the deadline passed") if deadline.passed?
    end

    # Whether a value is or holds a blob.
    def blob?(value)
      case value
      when Blob then true
      when Array, Set, Hash then value.any? { |item| blob?(item) }
      when Extension then blob?(value.attributes) || blob?(value.content)
      else false
      end
    end

    # Text from outside as it may stand in a message or the log: short, without control characters.
    def shown(text)
      text(text)[0, 200].gsub(/[[:cntrl:]]/) { |character| format("\\x%02X", character.ord) }
    end

    # Text that has an encoding, whatever it was.
    def text(text)
      text.to_s.dup.force_encoding(Encoding::UTF_8).scrub("?")
    end

    # Errors of calls that a call makes in turn (REQ-STATUS-17), once the client is in use.
    def client_errors
      loaded = Hyperglyph.const_defined?(:Client, false) && Hyperglyph.autoload?(:Client, false).nil?
      loaded && Client.const_defined?(:Error) ? [Client::Error] : []
    end
  end
end

require_relative "server/errors"
require_relative "server/resource"
require_relative "server/signature"
require_relative "server/action"
require_relative "server/description"
require_relative "server/reference"
require_relative "server/page"
require_relative "server/router"
require_relative "server/request"
require_relative "server/conditions"
require_relative "server/answer"
require_relative "server/bodies"
require_relative "server/raw_blob"
require_relative "server/calls"
require_relative "server/app"
