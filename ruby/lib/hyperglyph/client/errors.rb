# frozen_string_literal: true

module Hyperglyph
  class Client
    # What went wrong with a call. The tree:
    #
    #   Error
    #   |- ArgumentsError         they do not fit the form; nothing was sent
    #   |- Unusable               what was called cannot be; nothing was sent
    #   |  `- NoMember            there is nothing of that name on the page
    #   |- Refused                a rule of security forbade to send
    #   |- StatusError            an answer of 4xx, 5xx, or one that means nothing here
    #   |  |- RequestError        4xx: the request is at fault
    #   |  `- ServerError         5xx: the server is
    #   |- MalformedAnswer        an answer that cannot be understood
    #   `- TransportError         no whole answer came
    #      `- TimeoutError        the time was up
    class Error < Hyperglyph::Error
      # Whether the call was executed (REQ-SAFE-3): :done, :not_done or :unknown.
      attr_reader :outcome

      def initialize(message, outcome: :not_done)
        @outcome = outcome
        super(message)
      end

      # The same error, of a call whose first request was executed (REQ-REDIR-9).
      def executed
        dup.tap do |error|
          error.set_backtrace(backtrace)
          error.instance_variable_set(:@outcome, :done)
        end
      end
    end

    class ArgumentsError < Error; end

    class Unusable < Error; end

    class NoMember < Unusable; end

    class Refused < Error; end

    # The answer has a status that is an error (REQ-STATUS-5, REQ-ERROR-4). What its error extension does not
    # have is nil, and the content an empty Hash.
    class StatusError < Error
      # An Integer; text; text; an Integer or text; a Hash.
      attr_reader :status, :logref, :code, :content

      # The error's message alone, as text; nil if there is none.
      attr_reader :reason

      def self.for(status, **details)
        kind = case status
               when 400..499 then RequestError
               when 500..599 then ServerError
               else StatusError
               end
        kind.new(status, **details)
      end

      def initialize(status, reason: nil, logref: nil, code: nil, content: {}, outcome: :unknown)
        @status = status
        @reason = reason
        @logref = logref
        @code = code
        @content = content
        words = [reason, (logref.to_s.empty? ? nil : "logref #{logref}")].compact.map { |text| text.gsub(/[[:cntrl:]]+/, " ")[0, 500] }
        super(["status #{status}", *words].join(", "), outcome: outcome)
      end
    end

    class RequestError < StatusError; end

    class ServerError < StatusError; end

    # A response came, so the call was executed.
    class MalformedAnswer < Error
      def initialize(message, outcome: :done)
        super
      end
    end

    class TransportError < Error; end

    class TimeoutError < TransportError; end
  end
end
