# frozen_string_literal: true

module Hyperglyph
  # The parts of a service: see Router and Resource.
  module Server
    # A failure that is declared: the caller gets its status, message, code and content (REQ-STATUS-11).
    #
    #     raise Hyperglyph::Failure.new(409, "not today", code: "tired", content: { "again" => 3 })
    class Failure < Hyperglyph::Error
      attr_reader :status, :code, :content, :headers

      # status: 400 to 599. code: Integer or text for programs. content: a Hash of text to data.
      # retry_after: seconds, with 503 one by default. challenge: the WWW-Authenticate that 401 needs.
      # allow: the methods that there are, for 405. Raises ArgumentError for what no error can hold.
      def initialize(status, message, code: nil, content: {}, retry_after: nil, challenge: "Bearer", allow: nil, range: nil)
        raise ArgumentError, "the status of a failure is 400 to 599, not #{status.inspect}" unless
          status.is_a?(Integer) && status.between?(400, 599)
        raise ArgumentError, "the code of a failure is an Integer or text" unless
          code.nil? || code.is_a?(Integer) || code.is_a?(String)
        raise ArgumentError, "the content of a failure is a Hash" unless content.is_a?(Hash)
        raise ArgumentError, "a challenge is printable ASCII" unless HTTP::Headers::PRINTABLE.match?(challenge.to_s)

        @status = status
        @code = code
        @content = content
        retry_after ||= 1 if status == 503
        @headers = { "retry-after" => retry_after&.to_i&.to_s, "allow" => allow&.join(", "), "content-range" => range,
                     "www-authenticate" => (challenge if status == 401) }.compact
        super(message)
      end
    end

    # What the request is at fault for, by the statuses of section 19.2. Not for authors: see Failure.
    class Refusal < Failure; end
  end

  # Short for authors of services.
  Failure = Server::Failure
end
